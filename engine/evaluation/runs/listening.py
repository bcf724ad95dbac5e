"""The listening page's sounds: prompts by methods, recordings by strengths, a prompt by seeds.

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
from engine.evaluation.callbacks import LoadGenerator, ShowLine
from engine.evaluation.measures.descriptors import onset_times
from engine.evaluation.references.examples import Example, render_held_out_examples, stack_clips
from engine.evaluation.runs.restyling import (
    SourceRecording,
    match_onsets,
    render_recordings,
    share_in_tune,
    to_mono,
)
from engine.evaluation.runs.sampling import Candidate, never_cancel, parse_candidate
from engine.process.generator_protocol import Generator
from engine.sound.loudness import normalise_loudness
from engine.sound.postprocess import postprocess

CAPTIONS = {"drum": 4, "tonal": 5, "effect": 3, "texture": 2, "loop": 4}
"""So many held-out captions of each family; all loops are of one kind."""
SEARCHED, FEW_SEARCHED = 200, 16
"""Held-out sounds among which those are the first; few are enough for one row."""


@dataclass(frozen=True, slots=True)
class PromptSpec:
    """A prompt and its length in seconds."""

    prompt: str
    seconds: float


PAPER = (
    PromptSpec("latin funk drumset 115 BPM", 4.174),
    PromptSpec("sports car passing by", 4.0),
    PromptSpec("fire crackling", 4.0),
    PromptSpec("water", 4.0),
)
"""The prompts that the paper (arXiv 2505.08175) names, in seconds of ours."""
TYPED = (
    PromptSpec("punchy 909 kick", 0.6),
    PromptSpec("reese bass F1, dark", 1.5),
    PromptSpec("rhodes chord in D minor", 2.0),
    PromptSpec("warm choir pad C4", 3.0),
    PromptSpec("white noise riser", 3.0),
    PromptSpec("120 BPM house loop in A minor", 4.0),
)
VARIED: tuple[PromptSpec, ...] = (
    PromptSpec("snare", 0.5),
    PromptSpec("synth pluck C4", 1.0),
    PromptSpec("glitch", 1.0),
    PromptSpec("95 bpm hip-hop drum loop", 2.526),
)
SEEDS = 8
STRENGTHS = (0.3, 0.6, 0.8, 0.95)
OF_EACH_RECORDING = 2


@dataclass(frozen=True, slots=True)
class Tile:
    """One sound, its label, and its figures or ""."""

    label: str
    clip: Clip
    facts: str = ""
    is_reference: bool = False


@dataclass(frozen=True, slots=True)
class ListeningRow:
    """Sounds to compare: what was asked, how, and how many seconds a picture's width stands for."""

    prompt: str
    facts: str
    seconds: float
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Chapter:
    """Rows of one purpose, with an introduction of a sentence or two."""

    title: str
    text: str
    rows: tuple[ListeningRow, ...]


@dataclass(frozen=True, slots=True)
class Method:
    """A model with its steps, by the name that the page gives it."""

    name: str
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class Trial:
    """A row before any model answered it: the real sound where there is one."""

    spec: PromptSpec
    seed: int
    real: Clip | None


def parse_method(text: str, find: Callable[[str], Path]) -> Method:
    """Read "NAME=MODEL@STEPS", "MODEL@STEPS" or "MODEL"; a name is shown as it is given."""
    name, named, rest = text.partition("=")
    return Method(name if named else "", parse_candidate(rest if named else text, find))


def make_chapters(
    methods: Sequence[Method], load: LoadGenerator, device: str, show: ShowLine, quick: bool = False
) -> tuple[Chapter, ...]:
    """Make every sound of the page; the first method also makes what only one does.

    `quick` takes a row of each chapter. Raises EngineError where a model cannot be used.
    """
    held = list_held_out_trials(FEW_SEARCHED if quick else SEARCHED, show)
    typed = list_typed_trials()
    sources, varied = render_recordings(1 if quick else OF_EACH_RECORDING), VARIED
    if quick:
        held, typed, sources, varied = held[:1], typed[:1], sources[:1], VARIED[:1]
    answers: list[list[Tile]] = [_make_real_tiles(trial) for trial in (*held, *typed)]
    extra: tuple[Chapter, ...] = ()
    is_one_model = len({method.candidate.folder for method in methods}) == 1
    for method in methods:
        generator = load(method.candidate.folder, device)
        steps = method.candidate.steps or generator.card.default_steps
        whole_name = method.name or f"{generator.card.name}, {format_steps(steps)}"
        show(whole_name)
        name = format_steps(steps) if is_one_model and not method.name else whole_name
        for trial, tiles in zip((*held, *typed), answers, strict=True):
            clip = _generate(generator, _make_recipe(trial.spec, trial.seed, steps))
            tiles.append(Tile(name, clip))
        if not extra:
            extra = (
                make_restyling_chapter(generator, steps, whole_name, sources),
                make_seeds_chapter(generator, steps, whole_name, varied),
            )
    rows = [_make_row(trial, tiles) for trial, tiles in zip((*held, *typed), answers, strict=True)]
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


def format_steps(steps: int) -> str:
    """Format a number of steps."""
    return f"{steps} step{'' if steps == 1 else 's'}"


def list_held_out_trials(searched: int, show: ShowLine) -> list[Trial]:
    """The first held-out captions of each family, no kind twice but loops."""
    found: dict[str, list[Example]] = {family: [] for family in CAPTIONS}
    for example in render_held_out_examples(searched, show):
        of_family = found.get(example.claims.family or "", [])
        kinds = {each.claims.kind for each in of_family}
        is_new = example.claims.kind not in kinds or example.claims.family == "loop"
        if example.claims.family in CAPTIONS and is_new:
            of_family.append(example)
    return [
        Trial(PromptSpec(example.prompt, example.seconds), example.seed, example.real)
        for family, most in CAPTIONS.items()
        for example in found[family][:most]
    ]


def list_typed_trials() -> list[Trial]:
    """Prompts without a real sound, all of seed 1."""
    return [Trial(spec, 1, None) for spec in (*PAPER, *TYPED)]


def make_restyling_chapter(
    generator: Generator, steps: int, name: str, sources: Sequence[SourceRecording]
) -> Chapter:
    """Make the chapter of held-out hums, tunes and beatbox bars, restyled at each strength."""
    rows = []
    for number, source in enumerate(sources, 1):
        spec = PromptSpec(source.prompt, source.clip.seconds)
        tiles = [Tile("the recording", source.clip, is_reference=True)]
        for strength in STRENGTHS:
            recipe = replace(_make_recipe(spec, number, steps), strength=strength)
            clip = _generate(generator, recipe, source.clip)
            tiles.append(Tile(f"strength {strength:g}", clip, describe_likeness(source, clip)))
        facts = f"from a {source.kind}, {spec.seconds:.2f} s, seed {number}"
        rows.append(ListeningRow(spec.prompt, facts, spec.seconds, tuple(tiles)))
    text = (
        f"What a mouth makes goes in, words say what it shall become, strength how far from it. "
        f"The recordings are rendered too, and held out. By {name}. In tune: the share of the "
        "recording's pitched time within 50 cents of it. Hits: the share of its onsets that are "
        "met within 20 ms."
    )
    return Chapter("From a hum or a beat", text, tuple(rows))


def make_seeds_chapter(
    generator: Generator, steps: int, name: str, prompts: Sequence[PromptSpec]
) -> Chapter:
    """One prompt with the seeds one, two, three, …."""
    rows = [
        ListeningRow(
            spec.prompt,
            f"{spec.seconds:.2f} s",
            spec.seconds,
            tuple(
                Tile(f"seed {seed}", _generate(generator, _make_recipe(spec, seed, steps)))
                for seed in range(1, SEEDS + 1)
            ),
        )
        for spec in prompts
    ]
    text = f"How far sounds of one prompt lie apart. By {name}; the seeds are the first ones."
    return Chapter("One prompt, eight seeds", text, tuple(rows))


def describe_likeness(source: SourceRecording, made: Clip) -> str:
    """Describe the likeness of a sound to its source recording, in a few words."""
    first, second = (to_mono(clip) for clip in (source.clip, made))
    if source.kind == "beatbox loop":
        kept = match_onsets(onset_times(first, SAMPLE_RATE_HZ), onset_times(second, SAMPLE_RATE_HZ))
        return f"hits {kept:.0%}"
    return f"in tune {share_in_tune(first, second):.0%}"


def _make_recipe(spec: PromptSpec, seed: int, steps: int) -> Recipe:
    return Recipe(spec.prompt, spec.seconds, steps, seed)


def _generate(generator: Generator, recipe: Recipe, source: Clip | None = None) -> Clip:
    clip = generator.generate(recipe, source, never_cancel).clip
    return Clip(np.ascontiguousarray(clip.samples), clip.rate)


def _make_real_tiles(trial: Trial) -> list[Tile]:
    if trial.real is None:
        return []
    return [Tile("real, rendered", match_generated(trial.real), is_reference=True)]


def match_generated(clip: Clip) -> Clip:
    """Return a clip at the level and with the fade of generated ones: louder sounds better."""
    audio = normalise_loudness(stack_clips([clip]), SAMPLE_RATE_HZ)[0]
    return postprocess(np.ascontiguousarray(audio.numpy().T), SAMPLE_RATE_HZ)


def _make_row(trial: Trial, tiles: list[Tile]) -> ListeningRow:
    spec = trial.spec
    facts = f"{spec.seconds:.2f} s, seed {trial.seed}"
    return ListeningRow(spec.prompt, facts, spec.seconds, tuple(tiles))
