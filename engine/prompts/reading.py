"""Maps a prompt to the words of a model's vocabulary. Any thread; no torch.

The text encoder and the window both use `read_prompt`, so a word that the window marks is exactly
one that the model does not know.
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
    """The words that a model gets, and the spans (start, end) that it does not know.

    Each of `words` has the span of its source in the prompt; unknown ones are among them.
    """

    words: tuple[Word, ...]
    unknown: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Synonyms:
    """presets/synonyms.toml: phrases for phrases, words without meaning, words that negate.

    A note without an octave lies in the lowest of `octaves` that is typed; beside one of
    `key_words` it is a key.
    """

    phrases: dict[tuple[str, ...], tuple[str, ...]]
    stop_words: frozenset[str]
    negations: frozenset[str]
    key_words: frozenset[str]
    octaves: dict[str, int]


def read_prompt(prompt: str, vocabulary: Collection[str]) -> Reading:
    """Read a prompt for a model with this vocabulary; notes and numbers are known by rule."""
    return _Reader(prompt, vocabulary).read()


def find_unknown_words(prompt: str, vocabulary: Collection[str]) -> tuple[tuple[int, int], ...]:
    """Return the spans (start, end) that a model with this vocabulary does not know."""
    return read_prompt(prompt, vocabulary).unknown


@cache
def read_synonyms() -> Synonyms:
    """Read presets/synonyms.toml, once."""
    table = tomllib.loads(SYNONYMS.read_text(encoding="utf-8"))
    phrases = {tuple(typed.split()): tuple(meant.split()) for typed, meant in table["same"].items()}
    stop_words, negations, key_words = (
        frozenset(table[key]) for key in ("silent", "negations", "keyed")
    )
    return Synonyms(phrases, stop_words, negations, key_words, table["octaves"])


class _Reader:
    """Parses a prompt from left to right; each rule consumes some words or none."""

    def __init__(self, prompt: str, vocabulary: Collection[str]) -> None:
        self._prompt, self._vocabulary = prompt, vocabulary
        self._words = split_words(prompt)
        self._octave = self._find_octave()
        self._output: list[Word] = []
        self._unknown: list[tuple[int, int]] = []

    def read(self) -> Reading:
        rules = (
            self._read_quantity,
            self._read_phrase,
            self._read_bare_note,
            self._read_known_word,
            self._read_spaced_note,
            self._read_seventh,
            self._read_dominant,
            self._read_chord,
            self._read_stop_word,
            self._read_negation,
            self._read_other_form,
        )
        index = 0
        while index < len(self._words):
            taken = next((count for rule in rules if (count := rule(index))), 0)
            if not taken:
                self._emit_as_typed(index)
            index += max(taken, 1)
        return Reading(tuple(self._output), tuple(self._unknown))

    def _emit_as_typed(self, index: int) -> None:
        """Emit a word unchanged: a note, a number, or an unknown one."""
        word = self._words[index]
        self._output.append(word)
        if word.kind == "word":
            self._unknown.append((word.start, word.end))

    def _emit(self, texts: Sequence[str], index: int, count: int) -> int:
        """Emit words of the vocabulary for `count` typed ones; 0 where one of them is not in it."""
        if not all(text in self._vocabulary for text in texts):
            return 0
        start, end = self._words[index].start, self._words[index + count - 1].end
        self._output.extend(Word(text, start, end, "word", None) for text in texts)
        return count

    def _text_at(self, index: int) -> str:
        return self._words[index].text if index < len(self._words) else ""

    # --- rules: each returns how many words it consumed at an index, 0 for none ---

    def _read_phrase(self, index: int) -> int:
        for count in range(LONGEST_PHRASE, 0, -1):
            texts = tuple(self._text_at(index + more) for more in range(count))
            meant = read_synonyms().phrases.get(texts)
            is_own = all(text in self._vocabulary for text in texts) and count == 1
            if meant and not is_own and self._emit(meant, index, count):
                return count
        return 0

    def _read_known_word(self, index: int) -> int:
        word = self._words[index]
        if word.kind == "note" or word.text not in self._vocabulary or self._is_spaced(index):
            return 0
        self._output.append(word)
        return 1

    def _read_quantity(self, index: int) -> int:
        """Drop seconds, since the model gets the length as a number; read hertz as a note."""
        word, unit = self._words[index], self._text_at(index + 1)
        if word.kind != "number" or word.value is None or unit in self._vocabulary:
            return 0
        if unit in LENGTH_UNITS:
            return 2
        hertz = word.value * _FREQUENCY_UNITS.get(unit, 0.0)
        if not LOWEST_HZ <= hertz <= HIGHEST_HZ:
            return 0
        note = float(round(69 + 12 * math.log2(hertz / 440)))
        self._output.append(Word(word.text, word.start, self._words[index + 1].end, "note", note))
        return 2

    def _is_spaced(self, index: int) -> bool:
        """Whether a sharp or flat and an octave stand here as two words: "C# 3"."""
        name, octave = self._text_at(index), self._text_at(index + 1)
        return (
            len(name) == 2
            and _NAME.fullmatch(name) is not None
            and re.fullmatch("[0-8]", octave) is not None
            and self._prompt[self._words[index].end : self._words[index + 1].start] == " "
            and self._text_at(index + 2) not in _COUNTED
        )

    def _read_spaced_note(self, index: int) -> int:
        if not self._is_spaced(index):
            return 0
        (note,) = split_words(self._text_at(index) + self._text_at(index + 1))
        start, end = self._words[index].start, self._words[index + 1].end
        self._output.append(Word(note.text, start, end, "note", note.value))
        return 2

    def _read_bare_note(self, index: int) -> int:
        """Add an octave to a note without one where a single note is asked for, as models learn."""
        name, typed = self._text_at(index), self._prompt[self._words[index].start]
        if _NAME.fullmatch(name) is None or name not in self._vocabulary or self._octave is None:
            return 0
        if self._is_spaced(index):
            return 0
        # Within a prompt a small "a" is an article, and so is a capital one at its beginning.
        if name == "a" and (index == 0 or not typed.isupper()):
            return 0
        (note,) = split_words(f"{name}{self._octave}")
        self._output.append(
            replace(note, start=self._words[index].start, end=self._words[index].end)
        )
        return 1

    def _find_octave(self) -> int | None:
        typed = {word.text for word in self._words}
        synonyms = read_synonyms()
        if typed & synonyms.key_words or any(word.kind == "note" for word in self._words):
            return None
        return min(
            (synonyms.octaves[word] for word in typed & synonyms.octaves.keys()), default=None
        )

    def _read_seventh(self, index: int) -> int:
        before = self._output[-1].text if self._output else ""
        is_seventh = self._text_at(index) == "7" and before in _BEFORE_SEVENTH
        is_seventh = is_seventh and self._text_at(index + 1) not in _COUNTED
        return self._emit(("seventh",), index, 1) if is_seventh else 0

    def _read_dominant(self, index: int) -> int:
        """Read "E7 chord" as a seventh chord, not as a note of the seventh octave."""
        word = self._words[index]
        if word.kind != "note" or word.text[-1] != "7" or self._text_at(index + 1) != "chord":
            return 0
        return self._emit((word.text[:-1], "seventh"), index, 1)

    def _read_chord(self, index: int) -> int:
        """Read a chord symbol: "Am", "F#m", "Cmaj" before a 7, "C#minor", "Gsus" before a 4."""
        found = _CHORD.fullmatch(self._text_at(index))
        if found is None:
            return 0
        # Only the capital distinguishes A minor from "am".
        if found[2] == "m" and not self._prompt[self._words[index].start].isupper():
            return 0
        # A symbol means a chord, unless a loop in that key is asked for.
        chord = (
            () if {word.text for word in self._words} & read_synonyms().key_words else ("chord",)
        )
        taken = self._emit((*chord, found[1], _MODES[found[2]]), index, 1)
        if taken and found[2] == "sus" and self._text_at(index + 1) in ("2", "4"):
            return 2
        return taken

    def _read_stop_word(self, index: int) -> int:
        return 1 if self._text_at(index) in read_synonyms().stop_words else 0

    def _read_negation(self, index: int) -> int:
        """Mark a negation and what it negates; models do not understand it, so they get neither."""
        if self._text_at(index) not in read_synonyms().negations:
            return 0
        last = index
        while last + 1 < len(self._words) and not self._is_separated(last):
            last += 1
            if self._text_at(last) in self._vocabulary:
                break
        self._unknown.append((self._words[index].start, self._words[last].end))
        return last - index + 1

    def _is_separated(self, index: int) -> bool:
        """Whether a comma or the like stands after a word."""
        between = self._prompt[self._words[index].end : self._words[index + 1].start]
        return any(mark in between for mark in ",;/|.")

    def _read_other_form(self, index: int) -> int:
        """Read a plural or singular, two words written as one, or a word without its accents."""
        text = self._text_at(index)
        if self._words[index].kind != "word":
            return 0
        for form in _list_forms(text):
            if self._emit((form,), index, 1):
                return 1
        for cut in range(SHORTEST_PART, len(text) - SHORTEST_PART + 1):
            if self._emit((text[:cut], text[cut:]), index, 1):
                return 1
        return 0


def _list_forms(text: str) -> list[str]:
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
