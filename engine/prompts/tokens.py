"""Splits a prompt into words, notes and numbers with their spans. No torch.

`engine.prompts.reading` maps them to a model's vocabulary.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Literal

from engine.prompts.notes import parse_note

WordKind = Literal["word", "note", "number"]

LARGEST_NUMBER = 1e6
"""Larger numbers count as this, so that no value of a prompt is infinite."""

LONGEST_TYPO = 40
"""Longer prefixes are not compared letter by letter: no word of a vocabulary is that long."""

NEAR = 0.72
"""Least similarity (0..1) of a near miss: "snaer" reaches snare, "bass" does not reach glass."""

SLOWEST, FASTEST = 20.0, 400.0
"""Tempi in BPM that a number beside "bpm" may mean."""

_TEMPO_WORDS = ("bpm", "tempo")
_LIKELY = (60.0, 200.0)
"""Range in BPM in which a number at either end of a prompt is a tempo: "house loop 120"."""

LENGTH_UNITS = {
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "msec": 1e-3,
}  # fmt: skip
"""Units of a length, and each in seconds."""
_UNITS = (*LENGTH_UNITS, "hz", "hertz", "khz", "bar", "bars", "bit", "step", "steps", "cents", "db")
BEATS_A_BAR = 4

_SEPARATORS = (",", ";", "|")

# A letter of any script with the accents that may follow it as characters of their own.
_LETTER = r"[^\W\d_][\u0300-\u036f]*"
_TOKEN = re.compile(
    rf"""
    (?P<note> (?<![\w#]) [a-gA-G] [#♯b♭]? [0-9] (?![\w#]) )
  | (?P<ordinal> (?<![\w.]) (?: [0-9]+(?:st|nd|rd|th) | (?:[0-9]{{2}})?[0-9]0s ) (?!\w) )
  | (?P<number> \d+ (?: \.\d+ )? )
  | (?P<word> (?:{_LETTER})+ (?: ['’#] (?:{_LETTER})+ )* [#♯♭]? )
    """,
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a prompt; `prompt[start:end]` is what was typed, `text` is its lower case.

    `value` is a MIDI number for a note (A4 is 69), the number itself for a number, None for a
    word. A vocabulary may hold a number's text too ("909"): look there first.
    """

    text: str
    start: int
    end: int
    kind: WordKind
    value: float | None


def split_words(prompt: str) -> tuple[Word, ...]:
    """Split a prompt at anything but letters, digits, '#' and apostrophes inside words.

    "120bpm" is the number 120 and the word bpm, "tr808" the word tr and the number 808; "80s" and
    "16th" stay whole.
    """
    return tuple(word for match in _TOKEN.finditer(prompt) for word in _make_words(match))


def find_tempo(prompt: str) -> float | None:
    """Return the beats a minute that a prompt asks for, None where it names no tempo.

    That is the number beside "bpm" or "tempo", or else the only one that is a usual tempo and no
    quantity of something else, where it begins or ends the prompt or stands alone between commas.
    """
    words = split_words(prompt)
    numbers = [i for i, word in enumerate(words) if word.kind == "number"]
    for i in numbers:
        beside = {word.text for word in words[max(i - 1, 0) : i + 2]}
        value = words[i].value or 0.0
        if beside & set(_TEMPO_WORDS) and SLOWEST <= value <= FASTEST:
            return value
    likely = [i for i in numbers if _LIKELY[0] <= (words[i].value or 0.0) <= _LIKELY[1]]
    if len(words) < 2 or len(likely) != 1:
        return None
    (place,) = likely
    after = words[place + 1].text if place + 1 < len(words) else ""
    if after in _UNITS:
        return None
    is_apart = place in (0, len(words) - 1) or _is_alone(prompt, words[place])
    return words[place].value if is_apart else None


def find_seconds(prompt: str) -> float | None:
    """Return the length that a prompt asks for, None where it names none.

    Either in seconds ("3 seconds", "2.5s"), or in bars with a tempo.
    """
    words = split_words(prompt)
    bpm = find_tempo(prompt)
    for word, after in pairwise(words):
        if word.kind == "number" and word.value:
            if after.text in LENGTH_UNITS:
                return word.value * LENGTH_UNITS[after.text]
            if after.text in ("bar", "bars") and bpm:
                return word.value * BEATS_A_BAR * 60 / bpm
    return None


def complete_word(prefix: str, vocabulary: Collection[str], limit: int = 8) -> list[str]:
    """Return words of the vocabulary for what was typed so far: beginnings first, then near misses.

    The word itself is left out when it is typed in full. An empty prefix has no completions.
    """
    typed = _normalise(prefix.strip())
    if not typed:
        return []
    beginnings = sorted(
        (word for word in vocabulary if word.startswith(typed) and word != typed),
        key=lambda word: (len(word), word),
    )
    missing = limit - len(beginnings)
    if missing <= 0 or typed in vocabulary:
        return beginnings[:limit]
    return beginnings + _find_near_misses(typed, set(vocabulary) - set(beginnings), missing)


def _is_alone(prompt: str, word: Word) -> bool:
    before, after = prompt[: word.start].rstrip(), prompt[word.end :].lstrip()
    return before[-1:] in _SEPARATORS and after[:1] in _SEPARATORS


def _make_words(match: re.Match[str]) -> tuple[Word, ...]:
    typed, start, end = match[0], match.start(), match.end()
    if match.lastgroup == "number":
        return (Word(_normalise(typed), start, end, "number", min(float(typed), LARGEST_NUMBER)),)
    if match.lastgroup != "note":
        return (Word(_normalise(typed), start, end, "word", None),)
    number = parse_note(typed)
    if number is None:  # above the highest MIDI note, "b9": a word and a number
        octave = Word(typed[-1], end - 1, end, "number", float(typed[-1]))
        return (Word(_normalise(typed[:-1]), start, end - 1, "word", None), octave)
    return (Word(_normalise(typed), start, end, "note", float(number)),)


def _normalise(typed: str) -> str:
    composed = unicodedata.normalize("NFC", typed.lower())
    return composed.replace("’", "'").replace("♯", "#").replace("♭", "b")


def _find_near_misses(typed: str, vocabulary: set[str], limit: int) -> list[str]:
    """Compare with whole words and with beginnings of the same length: "distrot" is distorted."""
    if len(typed) > LONGEST_TYPO or len(typed) < 3:
        return []
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(typed)
    scored = []
    for word in vocabulary:
        similarity = max(_compare(matcher, word), 0.95 * _compare(matcher, word[: len(typed)]))
        if similarity >= NEAR:
            scored.append((-similarity, len(word), word))
    return [word for _, _, word in sorted(scored)[:limit]]


def _compare(matcher: SequenceMatcher[str], word: str) -> float:
    matcher.set_seq1(word)
    if matcher.real_quick_ratio() < NEAR or matcher.quick_ratio() < NEAR:
        return 0.0
    return matcher.ratio()
