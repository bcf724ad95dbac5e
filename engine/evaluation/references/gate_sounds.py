"""The fixed set of sounds on which codecs are tested before a flow is trained on them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from torch import Tensor

from engine.clip import SAMPLE_RATE_HZ
from engine.corpus.captions.captions import Plan
from engine.corpus.captions.lexicon import lexicon
from engine.corpus.instruments.orchestra import CHORDS
from engine.corpus.plans.planning import draw_plan
from engine.corpus.sources.real import RealCorpus
from engine.corpus.sources.rendered import RenderedCorpus, render
from engine.evaluation.references.kind_examples import has_held_combinations
from engine.evaluation.references.kind_references import KindReferences, measure_kinds

SEED = 7_301
WEAK_KINDS = (
    "noise",
    "vinyl",
    "sea",
    "birds",
    "crickets",
    "tambourine",
    "wood",
    "snare",
    "laser",
    "fire",
)
"""Kinds that earlier codecs failed to preserve."""
HELD = ("organ", "strings", "lead", "pad", "brass", "flute")
RINGING = ("bell", "pluck", "keys", "mallet", "guitar")
DRUMS = ("kick", "snare", "tom", "rim", "conga")
MID_FRAME = 5_300
"""Samples of silence before a drum, so that it begins in the middle of a frame."""
REFERENCES = 12
"""Reference sounds of each kind for nearest-neighbour comparison."""


@dataclass(frozen=True, slots=True)
class GateSound:
    """A sound (2, T), how long it lasts, its kind, and the MIDI notes of a chord."""

    audio: Tensor
    seconds: float
    kind: str = ""
    pitches: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class GateSounds:
    """All sounds of the gates; `recorded` is empty without a folder of sources."""

    chords: list[GateSound]
    held: list[GateSound]
    ringing: list[GateSound]
    drums: list[GateSound]
    weak: list[GateSound]
    rendered: list[GateSound]
    recorded: list[GateSound]
    references: KindReferences


def gate_sounds(
    count: int,
    sources: Path | None,
    show: Callable[[str], None],
    told_apart: Collection[str] | None = None,
) -> GateSounds:
    """Render or read `count` sounds of each sort, a quarter as many of each weak kind.

    Likeness is told among the kinds `told_apart`, all but a mouth's if that is None.
    """
    if told_apart is None:
        kinds = lexicon().kinds.items()
        told_apart = [key for key, kind in kinds if kind.family != "voice"]
    return GateSounds(
        chords=_chords(count),
        held=_plain(HELD, 2.0, count, 1.2),
        ringing=_plain(RINGING, 2.0, count, 0.0),
        drums=_plain(DRUMS, 1.0, count, 0.0),
        weak=[sound for kind in WEAK_KINDS for sound in _of_kind(kind, max(2, count // 4))],
        rendered=_batches(RenderedCorpus(SEED, "held_out"), count),
        recorded=(
            _batches(RealCorpus(sources, SEED, lambda _: None, "held_out"), count)
            if sources is not None
            else []
        ),
        references=measure_kinds(told_apart, show, REFERENCES),
    )


def _plain(kinds: tuple[str, ...], seconds: float, count: int, shortest: float) -> list[GateSound]:
    """Held-out sounds with little reverb and drive, which would mask modulation."""
    corpus = RenderedCorpus(SEED, "held_out", families=kinds)
    found: list[GateSound] = []
    number = 0
    while len(found) < count:
        batch = corpus.batch(number, 32, seconds)
        found += [
            GateSound(audio, sound.seconds, sound.kind)
            for audio, sound in zip(batch.audio, batch.sounds, strict=True)
            if sound.space < 0.25 and sound.drive < 0.4 and sound.seconds >= shortest
        ]
        number += 1
    return found[:count]


def _chords(count: int) -> list[GateSound]:
    """Chords with little reverb and drive, and the MIDI notes of their first three tones."""
    kind, rng = lexicon().kinds["chord"], Random(SEED)
    plans: list[Plan] = []
    while len(plans) < count:
        plan = draw_plan(kind, rng, 2.0)
        if plan.value("space") < 0.3 and plan.value("drive") < 0.3 and plan.seconds > 1.2:
            plans.append(plan)
    audio = render(plans, 2 * SAMPLE_RATE_HZ, SAMPLE_RATE_HZ, torch.Generator().manual_seed(SEED))
    return [
        GateSound(
            sound,
            plan.seconds,
            "chord",
            tuple((plan.pitch or 0.0) + step for step in CHORDS[plan.form.key][:3]),
        )
        for sound, plan in zip(audio, plans, strict=True)
    ]


def _of_kind(kind: str, count: int) -> list[GateSound]:
    split = "held_out" if has_held_combinations(lexicon().kinds[kind]) else "train"
    batch = RenderedCorpus(SEED, split, families=(kind,)).batch(0, count, 4.0)
    return [
        GateSound(audio[:, : round(sound.seconds * SAMPLE_RATE_HZ)], sound.seconds, kind)
        for audio, sound in zip(batch.audio, batch.sounds, strict=True)
    ]


def _batches(corpus: RenderedCorpus | RealCorpus, count: int) -> list[GateSound]:
    """Sounds of as many batches of a few, since a real batch is of one source."""
    found: list[GateSound] = []
    number = 0
    while len(found) < count:
        batch = corpus.batch(number, 4, 2.5)
        found += [
            GateSound(audio[:, : max(4096, round(sound.seconds * SAMPLE_RATE_HZ))], sound.seconds)
            for audio, sound in zip(batch.audio, batch.sounds, strict=True)
        ]
        number += 1
    return found[:count]
