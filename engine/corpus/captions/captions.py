"""Composes captions from the lexicon, each true of its plan. Training process; no torch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

from engine.corpus.captions.lexicon import PROPERTIES, Kind, Lexicon, Variant, words_of
from engine.prompts.notes import FLATS, SHARPS

VOWEL = re.compile(r"[aeio8]|f[m\d#b ]|ep |sd |underw")
AFTER = ("in ", "with ", "at ")


@dataclass(frozen=True, slots=True)
class Plan:
    """One sound as it will be rendered; `values` are the four properties, `tonic` a pitch class.

    `mode` is "minor" or "major" for loops in a key; `number` seeds a loop's arrangement.
    """

    kind: Kind
    variant: Variant
    form: Variant
    seconds: float
    pitch: float | None
    values: tuple[float, float, float, float]
    bpm: float | None = None
    bars: int | None = None
    tonic: int | None = None
    mode: str = ""
    number: int = 0

    def value(self, name: str) -> float:
        """The property called `name`."""
        return self.values[PROPERTIES.index(name)]

    def combination(self) -> str:
        """What is held out or trained on: the kind, its note or tempo, and rough properties."""
        rough = "".join(str(min(2, int(3 * value))) for value in self.values)
        place = (self.pitch, self.bpm, self.tonic, self.mode)
        return f"{self.kind.key}/{self.variant.key}/{self.form.key}/{place}/{rough}"


def note_name(midi: float, rng: Random) -> str:
    """A note with its octave, sharps or flats by chance, capital or not; 69 is A4."""
    names = SHARPS if rng.random() < 0.5 else FLATS
    name = f"{names[round(midi) % 12]}{round(midi) // 12 - 1}"
    return name.lower() if rng.random() < 0.25 else name


def tonic_name(midi: float, rng: Random) -> str:
    """A pitch class without its octave, sharp or flat, mostly a capital."""
    name = (SHARPS if rng.random() < 0.5 else FLATS)[round(midi) % 12]
    return name.lower() if rng.random() < 0.15 else name


def _traits(plan: Plan, book: Lexicon, rng: Random) -> list[str]:
    """True words for the properties and the mood, each property dropped some of the time."""
    said: list[str] = []
    for name in plan.kind.free:
        words = book.words_for(name, plan.kind.family, plan.value(name))
        if words and rng.random() < 0.7:
            said.append(rng.choice(words))
    moods = [
        mood.word
        for mood in book.moods
        if all(name in plan.kind.free and plan.value(name) in span for name, span in mood.spans)
    ]
    if moods and rng.random() < 0.35:
        said.append(rng.choice(moods))
    feelings = book.phrases.modes.get(_mode(plan), ())
    if feelings and rng.random() < 0.2:
        said.append(rng.choice(feelings))
    return said


def _mode(plan: Plan) -> str:
    """ "minor" or "major" where the sound is so as a whole."""
    return plan.form.key if plan.kind.chord else plan.mode


def _name(plan: Plan, book: Lexicon, rng: Random) -> tuple[str, list[str]]:
    """What to call it, and the words of its sub-kind that go before."""
    name, before = rng.choice(plan.kind.names), []
    # A chord's form is said with its key, or it would be named twice.
    parts = (plan.variant,) if plan.kind.chord else (plan.variant, plan.form)
    for part in parts:
        if rng.random() > 0.75:
            continue
        if part.names:
            name = rng.choice(part.names)
        if part.adjectives and (not part.names or rng.random() < 0.25):
            before.append(rng.choice(part.adjectives))
    if plan.kind.adjectives and rng.random() < 0.15:
        before.append(rng.choice(plan.kind.adjectives))
    suffixes = book.phrases.suffixes[plan.kind.family]
    if rng.random() < 0.07:
        name = f"{name} {rng.choice(suffixes)}"
    said = words_of(name)
    return name, [word for word in before if not set(words_of(word)) & set(said)]


def _places(plan: Plan, name: str, book: Lexicon, rng: Random) -> list[str]:
    """The note, tempo and key, as they are said."""
    said: list[str] = []
    if plan.kind.chord and plan.pitch is not None:
        tonic = tonic_name(plan.pitch, rng)
        if rng.random() < 0.8:
            said.append(rng.choice(book.phrases.key).format(key=f"{tonic} {plan.form.key}"))
    elif plan.pitch is not None and rng.random() < 0.75:
        note = note_name(plan.pitch, rng)
        template = "{note}" if " note" in name else rng.choice(book.phrases.pitch)
        said.append(template.format(note=note))
    if plan.mode and plan.tonic is not None and rng.random() < 0.7:
        key = f"{tonic_name(plan.tonic, rng)} {plan.mode}"
        said.append(rng.choice(book.phrases.key).format(key=key))
    if plan.bpm is not None and rng.random() < 0.85:
        said.append(rng.choice(book.phrases.tempo).format(bpm=round(plan.bpm)))
    if plan.bars is not None and rng.random() < 0.2:
        said.append(f"{plan.bars} {'bar' if plan.bars == 1 else 'bars'}")
    return said


def compose_caption(plan: Plan, book: Lexicon, rng: Random) -> str:
    """Compose one caption: bare, as tags, or as a phrase."""
    name, before = _name(plan, book, rng)
    places = _places(plan, name, book, rng)
    style = rng.random()
    if style < 0.18:
        words = [*before, name] if rng.random() < 0.6 else [name]
        return _join_spaced(words, places, rng)
    heard = words_of(" ".join([name, *before]))
    traits = [trait for trait in _traits(plan, book, rng) if trait not in heard]
    rng.shuffle(traits)
    if style < 0.5:
        tags = [*before, *traits, *places]
        rng.shuffle(tags)
        tags.insert(0 if rng.random() < 0.6 else rng.randint(0, len(tags)), name)
        return ", ".join(tags)
    return _phrase(plan, book, rng, (name, before, traits, places))


def _join_spaced(words: list[str], places: list[str], rng: Random) -> str:
    """Name and note without commas: "kick", "A2 bass", "pluck in F#3"."""
    ahead = [place for place in places if not place.startswith(AFTER) and rng.random() < 0.4]
    behind = [place for place in places if place not in ahead]
    return " ".join([*ahead, *words, *behind])


def _phrase(
    plan: Plan, book: Lexicon, rng: Random, parts: tuple[str, list[str], list[str], list[str]]
) -> str:
    """A phrase such as "a punchy 909 kick drum, short, dry"."""
    name, before, traits, places = parts
    behind = [trait for trait in traits if trait.startswith(AFTER)]
    trailing = [trait for trait in traits if trait in book.phrases.trailing]
    traits = [trait for trait in traits if trait not in trailing]
    loose = [trait for trait in traits if trait not in behind]
    split = rng.randint(0, min(2, len(loose)))
    ahead, tail = loose[:split], loose[split:]
    front = [*ahead, *before]
    if rng.random() < 0.3:
        rng.shuffle(front)
    said = _join_spaced([*front, name], places, rng)
    said = " ".join([said, *behind[:1]])
    plural = name.endswith("s") and not name.endswith("ss")
    if not plural and rng.random() < 0.35:
        said = f"{_article(said)} {said}"
    return ", ".join([said, *tail, *trailing, *behind[1:]])


def _article(said: str) -> str:
    """Return the article before a vowel's sound, be it a word, a number or a letter read out."""
    return "an" if VOWEL.match(said.lower()) else "a"
