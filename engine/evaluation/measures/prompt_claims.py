"""Parses what a prompt claims of its sound, by the lexicon. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Literal

from engine.corpus.captions.lexicon import Kind, lexicon, words_of
from engine.prompts.notes import FLATS, SHARPS
from engine.prompts.tokens import split_words

Side = Literal["low", "high"]
Phrase = tuple[str, ...]

LOW_UP_TO, HIGH_FROM = 0.3, 0.6
"""A word of brightness or decay that holds only below or above these claims a side."""
MODES = ("minor", "major")


@dataclass(frozen=True, slots=True)
class Key:
    """A tonic as a pitch class (C is 0) and "minor" or "major"."""

    tonic: int
    mode: str


OF_NO_TRIAD = ("scale", "arpeggio")
"""Notes one after the other: the triad with most energy is the key of half of the real ones."""


@dataclass(frozen=True, slots=True)
class Claims:
    """The properties that a prompt claims; None if it does not. `pitch` is a MIDI number.

    `brightness` is "high" for bright and "low" for dark, `decay` "high" for long, "low" for short.
    """

    kind: str | None = None
    family: str | None = None
    pitch: float | None = None
    key: Key | None = None
    bpm: float | None = None
    brightness: Side | None = None
    decay: Side | None = None


def parse_claims(prompt: str) -> Claims:
    """Parse a prompt. Contradicting words claim nothing."""
    words = tuple(words_of(prompt))
    kind = _find_kind(words)
    family = None if kind is None else kind.family
    notes = {word.value for word in split_words(prompt) if word.kind == "note"}
    is_chord = kind is not None and kind.chord
    return Claims(
        kind=None if kind is None else kind.key,
        family=family,
        pitch=notes.pop() if len(notes) == 1 and not is_chord else None,
        key=None if kind is not None and kind.key in OF_NO_TRIAD else _key(words),
        bpm=_tempo(prompt),
        brightness=_side(words, "brightness", family),
        decay=_side(words, "decay", family),
    )


def _find_kind(words: Phrase) -> Kind | None:
    """The kind of the longest name that is said; of two as long, the first."""
    names = _names()
    for length in range(min(len(words), max(map(len, names))), 0, -1):
        for start in range(len(words) - length + 1):
            kinds = names.get(words[start : start + length])
            if kinds:
                return kinds[0]
    return None


@cache
def _names() -> dict[Phrase, list[Kind]]:
    names: dict[Phrase, list[Kind]] = {}
    for kind in lexicon().kinds.values():
        own = [kind.names, *(each.names for each in (*kind.variants, *kind.forms))]
        for name in {tuple(words_of(name)) for group in own for name in group}:
            names.setdefault(name, []).append(kind)
    return names


def _tempo(prompt: str) -> float | None:
    words = split_words(prompt)
    said = {
        word.value
        for word, following in pairwise(words)
        if word.kind == "number" and following.text == "bpm"
    }
    return said.pop() if len(said) == 1 else None


def _key(words: Phrase) -> Key | None:
    """The last "C# minor"; a first "a minor ..." is an article and an adjective."""
    found = [
        Key(_pitch_classes()[tonic], mode)
        for place, (tonic, mode) in enumerate(pairwise(words))
        if tonic in _pitch_classes() and mode in MODES and (place > 0 or tonic != "a")
    ]
    return found[-1] if found else None


@cache
def _pitch_classes() -> dict[str, int]:
    return {
        name.lower(): place
        for names in (SHARPS, FLATS)
        for place, name in enumerate(names)
    }  # fmt: skip


def _side(words: Phrase, name: str, family: str | None) -> Side | None:
    said = {side for phrase, side in _sides(name, family) if _holds(words, phrase)}
    return said.pop() if len(said) == 1 else None


@cache
def _sides(name: str, family: str | None) -> tuple[tuple[Phrase, Side], ...]:
    """The words that claim a side of a property, for sounds of a family."""
    tables = lexicon().properties[name]
    sides: list[tuple[Phrase, Side]] = []
    for table in (tables.get("any", {}), tables.get(family or "", {})):
        for text, span in table.items():
            if span.high <= LOW_UP_TO:
                sides.append((tuple(words_of(text)), "low"))
            elif span.low >= HIGH_FROM:
                sides.append((tuple(words_of(text)), "high"))
    return tuple(sides)


def _holds(words: Phrase, phrase: Phrase) -> bool:
    ends = range(len(phrase), len(words) + 1)
    return any(words[end - len(phrase) : end] == phrase for end in ends)
