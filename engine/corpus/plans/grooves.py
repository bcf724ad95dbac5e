"""Rhythms by style, from the presets, and the moments they give. Training process; no torch."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from random import Random

from engine.corpus.captions.lexicon import FOLDER, Span

LEVELS = {"x": 1.0, "o": 0.6, "g": 0.3, "?": 0.3}
STEPS = 16  # to a bar


@dataclass(frozen=True, slots=True)
class Groove:
    """One style: tempo range, swing range, machines, patterns for each drum, bass and chords."""

    bpm: Span
    swing: Span
    kits: tuple[str, ...]
    layers: dict[str, tuple[str, ...]]
    bass: tuple[str, ...]
    bass_sounds: tuple[str, ...]
    chords: tuple[str, ...]
    chord_sounds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """When something sounds, in steps from the start; for how many steps; how loud (0..1)."""

    step: int
    length: int
    level: float


@cache
def grooves() -> dict[str, Groove]:
    """Every style of the presets."""
    read = tomllib.loads((FOLDER / "grooves.toml").read_text())
    return {
        key: Groove(
            bpm=Span(*entry["bpm"]),
            swing=Span(*entry["swing"]),
            kits=tuple(entry["kits"]),
            layers={name: tuple(patterns) for name, patterns in entry["layers"].items()},
            bass=tuple(entry["bass"]),
            bass_sounds=tuple(entry["bass_sounds"]),
            chords=tuple(entry["chords"]),
            chord_sounds=tuple(entry["chord_sounds"]),
        )
        for key, entry in read.items()
    }


def hits(pattern: str, bars: int, rng: Random) -> tuple[Moment, ...]:
    """The moments of a drum pattern, repeated over the bars; levels vary a little."""
    found = []
    for step in range(bars * STEPS):
        mark = pattern[step % len(pattern)]
        if mark == "." or (mark == "?" and rng.random() < 0.5):
            continue
        found.append(Moment(step, 1, LEVELS[mark] * rng.uniform(0.88, 1.0)))
    return tuple(found)


def notes(patterns: tuple[str, ...], bars: int, alone: bool, rng: Random) -> tuple[Moment, ...]:
    """The moments of one rhythm of several, in which "-" holds the note before.

    What plays `alone` starts at once: a loop that begins with silence is late on its pad.
    """
    starting = tuple(pattern for pattern in patterns if pattern.startswith("x"))
    pattern = rng.choice(starting if alone and starting else patterns)
    if alone and not starting:
        pattern = "x" + pattern[1:]
    line = "".join(pattern[step % len(pattern)] for step in range(bars * STEPS))
    found = []
    for step, mark in enumerate(line):
        if mark == "x":
            rest = line[step + 1 :]
            held = len(rest) - len(rest.lstrip("-"))
            found.append(Moment(step, 1 + held, 1.0))
    return tuple(found)


def seconds_at(step: int, bpm: float, swing: float) -> float:
    """Where a step falls; every second sixteenth is late by `swing` of a step."""
    return (step + (swing if step % 2 else 0.0)) * 15.0 / bpm
