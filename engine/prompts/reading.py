"""What a model is told of a prompt: its own words for what was typed. No torch.

The text encoder and the window read through `read_prompt`, so a word that the window marks is
exactly one that says nothing to the model.
"""

from __future__ import annotations

import math
import re
import tomllib
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache

from engine.files.paths import PRESETS
from engine.prompts.tokens import LENGTH_UNITS, Word, split_words

SYNONYMS = PRESETS / "synonyms.toml"
LONGEST_PHRASE = 2
SHORTEST_PART, SHORTEST_PLURAL = 4, 4
"""Letters: "kickdrum" is two words, "los" is not the plural of "lo"."""

LOWEST_HZ, HIGHEST_HZ = 20.0, 5000.0
"""Frequencies that are read as notes."""
_FREQUENCY_UNITS = {"hz": 1.0, "hertz": 1.0, "khz": 1000.0}
_CHORD = re.compile(r"([a-g][#b]?)(m|min|minor|moll|maj|major|dur|sus)")
_NAME = re.compile("[a-g][#b]?")
_MODES = {
    "m": "minor", "min": "minor", "minor": "minor", "moll": "minor",
    "maj": "major", "major": "major", "dur": "major", "sus": "sus",
}  # fmt: skip
_BEFORE_SEVENTH = ("minor", "major", "dominant")
_COUNTED = ("bar", "bars", "bit", "step", "x", "bpm", "tempo", *LENGTH_UNITS, *_FREQUENCY_UNITS)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model is told, and the spans (start, end) of the prompt that say nothing to it.

    A word of `told` has the span of what it was read from; `told` holds what is unknown too.
    """

    told: tuple[Word, ...]
    unknown: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Synonyms:
    """The written list: phrases for phrases, words that say nothing, words that deny the next.

    A note without an octave lies in the lowest of `octaves` that is said; beside a word of `keyed`
    it is a key.
    """

    same: dict[tuple[str, ...], tuple[str, ...]]
    silent: frozenset[str]
    negations: frozenset[str]
    keyed: frozenset[str]
    octaves: dict[str, int]


def read_prompt(prompt: str, vocabulary: Collection[str]) -> Reading:
    """Read a prompt for a model that knows these words; notes and numbers are known by rule."""
    return _Reader(prompt, vocabulary).read()


def unknown_words(prompt: str, vocabulary: Collection[str]) -> tuple[tuple[int, int], ...]:
    """Return the spans (start, end) of what says nothing to a model that knows these words."""
    return read_prompt(prompt, vocabulary).unknown


@cache
def synonyms() -> Synonyms:
    """Read the list, once."""
    read = tomllib.loads(SYNONYMS.read_text(encoding="utf-8"))
    same = {tuple(typed.split()): tuple(meant.split()) for typed, meant in read["same"].items()}
    silent, negations, keyed = (frozenset(read[key]) for key in ("silent", "negations", "keyed"))
    return Synonyms(same, silent, negations, keyed, read["octaves"])


class _Reader:
    """Walks through one prompt from left to right; each rule takes some words or leaves them."""

    def __init__(self, prompt: str, vocabulary: Collection[str]) -> None:
        self._prompt, self._vocabulary = prompt, vocabulary
        self._words = split_words(prompt)
        self._octave = self._octave_said()
        self._told: list[Word] = []
        self._unknown: list[tuple[int, int]] = []

    def read(self) -> Reading:
        rules = (
            self._quantity,
            self._phrase,
            self._bare_note,
            self._own,
            self._spaced_note,
            self._seventh,
            self._dominant,
            self._chord,
            self._silent,
            self._negation,
            self._other_form,
        )
        place = 0
        while place < len(self._words):
            taken = next((count for rule in rules if (count := rule(place))), 0)
            if not taken:
                self._leave(place)
            place += max(taken, 1)
        return Reading(tuple(self._told), tuple(self._unknown))

    def _leave(self, place: int) -> None:
        """Tell a word as it is: a note, a number, or one that is unknown."""
        word = self._words[place]
        self._told.append(word)
        if word.kind == "word":
            self._unknown.append((word.start, word.end))

    def _tell(self, texts: Sequence[str], place: int, count: int) -> int:
        """Tell words of the vocabulary for `count` typed ones; 0 where one of them is not in it."""
        if not all(text in self._vocabulary for text in texts):
            return 0
        start, end = self._words[place].start, self._words[place + count - 1].end
        self._told.extend(Word(text, start, end, "word", None) for text in texts)
        return count

    def _text(self, place: int) -> str:
        return self._words[place].text if place < len(self._words) else ""

    # --- rules: how many words they took at a place, 0 for none ---

    def _phrase(self, place: int) -> int:
        for count in range(LONGEST_PHRASE, 0, -1):
            texts = tuple(self._text(place + more) for more in range(count))
            meant = synonyms().same.get(texts)
            is_own = all(text in self._vocabulary for text in texts) and count == 1
            if meant and not is_own and self._tell(meant, place, count):
                return count
        return 0

    def _own(self, place: int) -> int:
        word = self._words[place]
        if word.kind == "note" or word.text not in self._vocabulary or self._is_spaced(place):
            return 0
        self._told.append(word)
        return 1

    def _quantity(self, place: int) -> int:
        """Seconds say how long, which the model is told anyway; hertz are a note."""
        word, unit = self._words[place], self._text(place + 1)
        if word.kind != "number" or word.value is None or unit in self._vocabulary:
            return 0
        if unit in LENGTH_UNITS:
            return 2
        hertz = word.value * _FREQUENCY_UNITS.get(unit, 0.0)
        if not LOWEST_HZ <= hertz <= HIGHEST_HZ:
            return 0
        note = float(round(69 + 12 * math.log2(hertz / 440)))
        self._told.append(Word(word.text, word.start, self._words[place + 1].end, "note", note))
        return 2

    def _is_spaced(self, place: int) -> bool:
        """Whether a sharp or flat and an octave stand here as two words: "C# 3"."""
        name, octave = self._text(place), self._text(place + 1)
        return (
            len(name) == 2
            and _NAME.fullmatch(name) is not None
            and re.fullmatch("[0-8]", octave) is not None
            and self._prompt[self._words[place].end : self._words[place + 1].start] == " "
            and self._text(place + 2) not in _COUNTED
        )

    def _spaced_note(self, place: int) -> int:
        if not self._is_spaced(place):
            return 0
        (note,) = split_words(self._text(place) + self._text(place + 1))
        start, end = self._words[place].start, self._words[place + 1].end
        self._told.append(Word(note.text, start, end, "note", note.value))
        return 2

    def _bare_note(self, place: int) -> int:
        """A note without an octave where one note is asked for: models learn those with octaves."""
        name, typed = self._text(place), self._prompt[self._words[place].start]
        if _NAME.fullmatch(name) is None or name not in self._vocabulary or self._octave is None:
            return 0
        if self._is_spaced(place):
            return 0
        # Within a prompt a small "a" is an article, and so is a capital one at its beginning.
        if name == "a" and (place == 0 or not typed.isupper()):
            return 0
        (note,) = split_words(f"{name}{self._octave}")
        self._told.append(replace(note, start=self._words[place].start, end=self._words[place].end))
        return 1

    def _octave_said(self) -> int | None:
        said = {word.text for word in self._words}
        book = synonyms()
        if said & book.keyed or any(word.kind == "note" for word in self._words):
            return None
        return min((book.octaves[word] for word in said & book.octaves.keys()), default=None)

    def _seventh(self, place: int) -> int:
        before = self._told[-1].text if self._told else ""
        is_seventh = self._text(place) == "7" and before in _BEFORE_SEVENTH
        is_seventh = is_seventh and self._text(place + 1) not in _COUNTED
        return self._tell(("seventh",), place, 1) if is_seventh else 0

    def _dominant(self, place: int) -> int:
        """A note of the seventh octave before "chord" is none: "E7 chord"."""
        word = self._words[place]
        if word.kind != "note" or word.text[-1] != "7" or self._text(place + 1) != "chord":
            return 0
        return self._tell((word.text[:-1], "seventh"), place, 1)

    def _chord(self, place: int) -> int:
        """A chord's sign: "Am", "F#m", "Cmaj" with a 7 after it, "C#minor", "Gsus" with a 4."""
        found = _CHORD.fullmatch(self._text(place))
        if found is None:
            return 0
        # Only a capital tells A minor from "am".
        if found[2] == "m" and not self._prompt[self._words[place].start].isupper():
            return 0
        # A sign asks for a chord, where no loop is asked for in its key.
        chord = () if {word.text for word in self._words} & synonyms().keyed else ("chord",)
        taken = self._tell((*chord, found[1], _MODES[found[2]]), place, 1)
        if taken and found[2] == "sus" and self._text(place + 1) in ("2", "4"):
            return 2
        return taken

    def _silent(self, place: int) -> int:
        return 1 if self._text(place) in synonyms().silent else 0

    def _negation(self, place: int) -> int:
        """A denial is not understood: it is marked with what it denies, and neither is told."""
        if self._text(place) not in synonyms().negations:
            return 0
        last = place
        while last + 1 < len(self._words) and not self._is_parted(last):
            last += 1
            if self._text(last) in self._vocabulary:
                break
        self._unknown.append((self._words[place].start, self._words[last].end))
        return last - place + 1

    def _is_parted(self, place: int) -> bool:
        """Whether a comma or the like stands after a word."""
        between = self._prompt[self._words[place].end : self._words[place + 1].start]
        return any(mark in between for mark in ",;/|.")

    def _other_form(self, place: int) -> int:
        """Another number of a word, two words as one, or a letter without its accent."""
        text = self._text(place)
        if self._words[place].kind != "word":
            return 0
        for form in _forms(text):
            if self._tell((form,), place, 1):
                return 1
        for cut in range(SHORTEST_PART, len(text) - SHORTEST_PART + 1):
            if self._tell((text[:cut], text[cut:]), place, 1):
                return 1
        return 0


def _forms(text: str) -> list[str]:
    plain = "".join(
        letter
        for letter in unicodedata.normalize("NFD", text)
        if unicodedata.category(letter) != "Mn"
    )
    forms = [plain] if plain != text else []
    if len(text) >= SHORTEST_PLURAL:
        forms += [text + "s"]
        forms += [text.removesuffix("s")] if text.endswith("s") else []
        forms += [text.removesuffix("es")] if text.endswith("es") else []
    return forms
