"""What the listening page plays: prompts by methods, recordings by strengths, one prompt by seeds.

Nothing is chosen by ear: captions are the first held-out ones of each family, seeds count up from
one. One process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.api import Recipe
from engine.clip import SAMPLE_RATE_HZ, Clip
from engine.evaluation.measures.descriptors import onset_times
from engine.evaluation.references.examples import Example, as_audio, held_out_examples
from engine.evaluation.runs.making import Contestant, parse_contestant
from engine.evaluation.runs.restyling import Recording, in_tune, matched, recordings
from engine.process.generator_protocol import Generator
from engine.sound.loudness import levelled
from engine.sound.postprocess import postprocess

Load = Callable[[Path, str], Generator]
Show = Callable[[str], None]

CAPTIONS = {"drum": 4, "tonal": 5, "effect": 3, "texture": 2, "loop": 4}
"""So many held-out captions of each family; all loops are of one kind."""
SEARCHED, FEW_SEARCHED = 200, 16
"""Held-out sounds among which those are the first; few are enough for one row."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt and its length in seconds."""

    prompt: str
    seconds: float


PAPER = (
    Asked("latin funk drumset 115 BPM", 4.174),
    Asked("sports car passing by", 4.0),
    Asked("fire crackling", 4.0),
    Asked("water", 4.0),
)
"""The prompts that the paper (arXiv 2505.08175) names, in seconds of ours."""
TYPED = (
    Asked("punchy 909 kick", 0.6),
    Asked("reese bass F1, dark", 1.5),
    Asked("rhodes chord in D minor", 2.0),
    Asked("warm choir pad C4", 3.0),
    Asked("white noise riser", 3.0),
    Asked("120 BPM house loop in A minor", 4.0),
)
VARIED: tuple[Asked, ...] = (
    Asked("snare", 0.5),
    Asked("synth pluck C4", 1.0),
    Asked("glitch", 1.0),
    Asked("95 bpm hip-hop drum loop", 2.526),
)
SEEDS = 8
STRENGTHS = (0.3, 0.6, 0.8, 0.95)
OF_EACH_RECORDING = 2


@dataclass(frozen=True, slots=True)
class Tile:
    """One sound: what it is called, and what was measured of it, or ""."""

    label: str
    clip: Clip
    facts: str = ""
    is_reference: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """Sounds to compare: what was asked, how, and how many seconds a picture's width stands for."""

    prompt: str
    facts: str
    seconds: float
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Chapter:
    """Rows of one purpose, said in a sentence or two."""

    title: str
    text: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Method:
    """A model with its steps, by the name that the page gives it."""

    name: str
    contestant: Contestant


@dataclass(frozen=True, slots=True)
class Asking:
    """A row before any model answered it: the real sound where there is one."""

    asked: Asked
    seed: int
    real: Clip | None


def parse_method(text: str, find: Callable[[str], Path]) -> Method:
    """Read "NAME=MODEL@STEPS", "MODEL@STEPS" or "MODEL"; a name is shown as it is given."""
    name, named, rest = text.partition("=")
    return Method(name if named else "", parse_contestant(rest if named else text, find))


def chapters(
    methods: Sequence[Method], load: Load, device: str, show: Show, quick: bool = False
) -> tuple[Chapter, ...]:
    """Make every sound of the page; the first method also makes what only one does.

    `quick` takes a row of each chapter. Raises EngineError where a model cannot be used.
    """
    held = held_out_askings(FEW_SEARCHED if quick else SEARCHED, show)
    typed = typed_askings()
    sources, varied = recordings(1 if quick else OF_EACH_RECORDING), VARIED
    if quick:
        held, typed, sources, varied = held[:1], typed[:1], sources[:1], VARIED[:1]
    answers: list[list[Tile]] = [_real_tiles(asking) for asking in (*held, *typed)]
    extra: tuple[Chapter, ...] = ()
    is_one_model = len({method.contestant.folder for method in methods}) == 1
    for method in methods:
        generator = load(method.contestant.folder, device)
        steps = method.contestant.steps or generator.card.default_steps
        whole_name = method.name or f"{generator.card.name}, {counted(steps)}"
        show(whole_name)
        name = counted(steps) if is_one_model and not method.name else whole_name
        for asking, tiles in zip((*held, *typed), answers, strict=True):
            clip = _made(generator, _recipe(asking.asked, asking.seed, steps))
            tiles.append(Tile(name, clip))
        if not extra:
            extra = (
                restyled_chapter(generator, steps, whole_name, sources),
                varied_chapter(generator, steps, whole_name, varied),
            )
    rows = [_row(asking, tiles) for asking, tiles in zip((*held, *typed), answers, strict=True)]
    return (
        Chapter("Captions that no training saw", HELD_TEXT, tuple(rows[: len(held)])),
        Chapter("Prompts as they are typed", TYPED_TEXT, tuple(rows[len(held) :])),
        *extra,
    )


HELD_TEXT = (
    "Each beside the sound that our own synthesis renders for the same caption, equally loud. "
    "These are the first held-out captions of each family, whatever they sound like."
)
TYPED_TEXT = (
    "The paper's own test prompts and some that a player would write; for these no sound is "
    "rendered to compare with. The seed is 1 for all."
)


def counted(steps: int) -> str:
    """Steps in words."""
    return f"{steps} step{'' if steps == 1 else 's'}"


def held_out_askings(searched: int, show: Show) -> list[Asking]:
    """The first held-out captions of each family, no kind twice but loops."""
    found: dict[str, list[Example]] = {family: [] for family in CAPTIONS}
    for example in held_out_examples(searched, show):
        of_family = found.get(example.claims.family or "", [])
        kinds = {each.claims.kind for each in of_family}
        is_new = example.claims.kind not in kinds or example.claims.family == "loop"
        if example.claims.family in CAPTIONS and is_new:
            of_family.append(example)
    return [
        Asking(Asked(example.prompt, example.seconds), example.seed, example.real)
        for family, most in CAPTIONS.items()
        for example in found[family][:most]
    ]


def typed_askings() -> list[Asking]:
    """Prompts without a real sound, all of seed 1."""
    return [Asking(asked, 1, None) for asked in (*PAPER, *TYPED)]


def restyled_chapter(
    generator: Generator, steps: int, name: str, sources: Sequence[Recording]
) -> Chapter:
    """Held-out hums, tunes and beatbox bars, made anew strength by strength."""
    rows = []
    for number, source in enumerate(sources, 1):
        asked = Asked(source.prompt, source.clip.seconds)
        tiles = [Tile("the recording", source.clip, is_reference=True)]
        for strength in STRENGTHS:
            recipe = replace(_recipe(asked, number, steps), strength=strength)
            clip = _made(generator, recipe, source.clip)
            tiles.append(Tile(f"strength {strength:g}", clip, likeness_text(source, clip)))
        facts = f"from a {source.kind}, {asked.seconds:.2f} s, seed {number}"
        rows.append(Row(asked.prompt, facts, asked.seconds, tuple(tiles)))
    text = (
        f"What a mouth makes goes in, words say what it shall become, strength how far from it. "
        f"The recordings are rendered too, and held out. By {name}. In tune: the share of the "
        "recording's pitched time within 50 cents of it. Hits: the share of its onsets that are "
        "met within 20 ms."
    )
    return Chapter("From a hum or a beat", text, tuple(rows))


def varied_chapter(
    generator: Generator, steps: int, name: str, prompts: Sequence[Asked]
) -> Chapter:
    """One prompt with the seeds one, two, three, …."""
    rows = [
        Row(
            asked.prompt,
            f"{asked.seconds:.2f} s",
            asked.seconds,
            tuple(
                Tile(f"seed {seed}", _made(generator, _recipe(asked, seed, steps)))
                for seed in range(1, SEEDS + 1)
            ),
        )
        for asked in prompts
    ]
    text = f"How far sounds of one prompt lie apart. By {name}; the seeds are the first ones."
    return Chapter("One prompt, eight seeds", text, tuple(rows))


def likeness_text(source: Recording, made: Clip) -> str:
    """What is left of a recording, in a few words."""
    first, second = (clip.stereo().samples.mean(1).astype(float) for clip in (source.clip, made))
    if source.kind == "beatbox loop":
        kept = matched(onset_times(first, SAMPLE_RATE_HZ), onset_times(second, SAMPLE_RATE_HZ))
        return f"hits {kept:.0%}"
    return f"in tune {in_tune(first, second):.0%}"


def _recipe(asked: Asked, seed: int, steps: int) -> Recipe:
    return Recipe(asked.prompt, asked.seconds, steps, seed)


def _made(generator: Generator, recipe: Recipe, source: Clip | None = None) -> Clip:
    clip = generator.generate(recipe, source, lambda step, steps: True).clip
    return Clip(np.ascontiguousarray(clip.samples), clip.rate)


def _real_tiles(asking: Asking) -> list[Tile]:
    if asking.real is None:
        return []
    return [Tile("real, rendered", as_made(asking.real), is_reference=True)]


def as_made(clip: Clip) -> Clip:
    """At the level and with the fade of a model's own sounds: what is louder sounds better."""
    audio = levelled(as_audio([clip]), SAMPLE_RATE_HZ)[0]
    return postprocess(np.ascontiguousarray(audio.numpy().T), SAMPLE_RATE_HZ)


def _row(asking: Asking, tiles: list[Tile]) -> Row:
    asked = asking.asked
    facts = f"{asked.seconds:.2f} s, seed {asking.seed}"
    return Row(asked.prompt, facts, asked.seconds, tuple(tiles))
