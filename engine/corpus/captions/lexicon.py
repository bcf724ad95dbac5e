"""The written lexicon: words for kinds and for ranges of a property. Any process; no torch."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from engine.files.paths import PRESETS

FOLDER = PRESETS / "vocabulary"
PROPERTIES = ("brightness", "decay", "drive", "space")
WORD_BREAK = re.compile(r"[^a-z0-9#']+")


@dataclass(frozen=True, slots=True)
class Span:
    """A closed range."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Variant:
    """A sub-kind or machine: `names` replace the kind's names, `adjectives` stand before them.

    `pitch` (MIDI notes) narrows what may be asked of the kind.
    """

    key: str
    names: tuple[str, ...]
    adjectives: tuple[str, ...]
    pitch: Span | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of sound; `seconds` and `pitch` (MIDI notes) say what may be asked for."""

    key: str
    family: str
    weight: float
    seconds: Span
    pitch: Span | None
    names: tuple[str, ...]
    adjectives: tuple[str, ...]
    variants: tuple[Variant, ...]
    forms: tuple[Variant, ...]
    free: tuple[str, ...]
    chord: bool


@dataclass(frozen=True, slots=True)
class Mood:
    """A word that holds when every property it names lies in its span."""

    word: str
    spans: tuple[tuple[str, Span], ...]


@dataclass(frozen=True, slots=True)
class Phrases:
    """Wordings of the parts of a caption."""

    pitch: tuple[str, ...]
    tempo: tuple[str, ...]
    key: tuple[str, ...]
    tonics: tuple[str, ...]
    articles: tuple[str, ...]
    trailing: tuple[str, ...]
    bars: tuple[str, ...]
    suffixes: dict[str, tuple[str, ...]]
    modes: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The contents of the vocabulary files."""

    kinds: dict[str, Kind]
    properties: dict[str, dict[str, dict[str, Span]]]
    moods: tuple[Mood, ...]
    phrases: Phrases

    def words_for(self, name: str, family: str, value: float) -> list[str]:
        """The words true of property `name` at `value` (0..1) for a sound of `family`."""
        tables = self.properties[name]
        both = [*tables.get("any", {}).items(), *tables.get(family, {}).items()]
        return [word for word, span in both if value in span]

    def families(self) -> tuple[str, ...]:
        """Every family that has a kind."""
        return tuple(dict.fromkeys(kind.family for kind in self.kinds.values()))


def _variants(entries: dict[str, dict[str, list[str]]]) -> tuple[Variant, ...]:
    return tuple(
        Variant(
            key,
            tuple(entry.get("names", ())),
            tuple(entry.get("adjectives", ())),
            Span(*map(float, entry["pitch"])) if "pitch" in entry else None,
        )
        for key, entry in entries.items()
    )


def _kind(key: str, entry: dict) -> Kind:  # type: ignore[type-arg]  # TOML is untyped here
    pitch = entry.get("pitch")
    return Kind(
        key=key,
        family=entry["family"],
        weight=float(entry.get("weight", 1.0)),
        seconds=Span(*entry["seconds"]),
        pitch=Span(*pitch) if pitch else None,
        names=tuple(entry["names"]),
        adjectives=tuple(entry.get("adjectives", ())),
        variants=_variants(entry.get("variants", {})) or (Variant("", (), ()),),
        forms=_variants(entry.get("forms", {})) or (Variant("", (), ()),),
        free=tuple(entry.get("free", PROPERTIES)),
        chord=bool(entry.get("chord", False)),
    )


def _phrases() -> Phrases:
    read = tomllib.loads((FOLDER / "phrases.toml").read_text())
    suffixes, modes = read.pop("suffixes"), read.pop("modes")
    return Phrases(
        **{name: tuple(words) for name, words in read.items()},
        suffixes={family: tuple(words) for family, words in suffixes.items()},
        modes={mode: tuple(words) for mode, words in modes.items()},
    )


@cache
def lexicon() -> Lexicon:
    """Read the vocabulary folder, once."""
    kinds: dict[str, Kind] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        if path.stem in ("properties", "phrases", "grooves"):
            continue
        for key, entry in tomllib.loads(path.read_text()).items():
            kinds[key] = _kind(key, entry)
    properties = tomllib.loads((FOLDER / "properties.toml").read_text())
    moods = tuple(
        Mood(word, tuple((name, Span(*span)) for name, span in spans.items()))
        for word, spans in properties.pop("moods").items()
    )
    spans = {
        name: {
            family: {word: Span(*span) for word, span in words.items()}
            for family, words in tables.items()
        }
        for name, tables in properties.items()
    }
    return Lexicon(kinds, spans, moods, _phrases())


def words_of(text: str) -> list[str]:
    """Lower-case words of a caption; split at all but letters, digits, '#' and apostrophes."""
    return [word for word in WORD_BREAK.split(text.lower()) if word]


def _phrases_of(book: Lexicon) -> Iterable[str]:
    for kind in book.kinds.values():
        yield from (*kind.names, *kind.adjectives)
        for variant in (*kind.variants, *kind.forms):
            yield from (*variant.names, *variant.adjectives)
    for property_tables in book.properties.values():
        for words in property_tables.values():
            yield from words
    yield from (mood.word for mood in book.moods)
    said = book.phrases
    tables = (*said.suffixes.values(), *said.modes.values())
    groups = (said.tonics, said.articles, said.trailing, said.bars, *tables)
    yield from (word for group in groups for word in group)
    for template in (*said.pitch, *said.tempo, *said.key):
        yield re.sub(r"\{\w+\}", " ", template)


@cache
def vocabulary() -> tuple[str, ...]:
    """Every lower-case word a caption can hold, sorted; numbers and note names are read by rule.

    Machine numbers such as "808" are words; so is the article "a".
    """
    return tuple(sorted({word for phrase in _phrases_of(lexicon()) for word in words_of(phrase)}))
