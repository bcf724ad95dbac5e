"""Measures a model kind by kind: held-out captions beside real sounds, a bare name by seeds.

One process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.api import EngineError, Recipe
from engine.clip import SAMPLE_RATE_HZ, Clip
from engine.corpus.captions.lexicon import Kind
from engine.evaluation.callbacks import LoadGenerator, ShowLine
from engine.evaluation.measures.prompt_checks import Check, check_sound
from engine.evaluation.references.examples import Example, stack_clips
from engine.evaluation.references.kind_examples import (
    has_held_combinations,
    kinds_to_measure,
    render_held_out_of_kind,
    render_variants,
)
from engine.evaluation.references.kind_references import (
    SOUNDS_OF_A_KIND,
    KindReferences,
    measure_kinds,
    measure_traits,
)
from engine.evaluation.runs.evaluate import Conditions, current_conditions
from engine.evaluation.runs.sampling import Candidate, never_cancel
from engine.process.generator_protocol import Generator
from engine.sound.loudness import loudness

MAX_SOUNDS = 100
SILENT_LUFS = -40.0
"""Our own models are normalised to -14 LUFS: what is so much quieter is silent."""
SILENT_END = 1e-3
"""A first or last sample up to this, -60 dB, does not click."""
PROPERTIES = ("pitch", "key", "tempo", "length")
"""Properties that only numbers and notes in a prompt claim."""
PROGRESS_EVERY = 10
NO_KIND = KindReferences({})


@dataclass(frozen=True, slots=True)
class KindsSize:
    """Captions of a kind, seeds of its bare name, and real sounds of each kind to compare with."""

    captions: int = 12
    seeds: int = 8
    sounds_of_a_kind: int = SOUNDS_OF_A_KIND

    def __post_init__(self) -> None:
        """Refuse sizes that measure nothing."""
        if not 2 <= self.captions <= MAX_SOUNDS:
            raise EngineError(f"prompts must be 2..{MAX_SOUNDS} of a kind, got {self.captions}.")


@dataclass(frozen=True, slots=True)
class KindFigures:
    """What a model makes of one kind, and what real sounds of the same captions are.

    `alike`: how many of `sounds` have one of their own kind among the nearest real ones, and
    `alike_real` how many real ones have. `checks` has one tuple a sound, `checks_real` too.
    `level_db`: between the loudest and the softest by BS.1770, `silent` ones left out; None with
    fewer than two. `clicks`: how many do not begin and end at nothing; `cut`: how many have not
    exactly the asked frames. `spread`: mean distance of two sounds of `prompt`, the bare name, in
    shares of that of two real sounds of the kind in as many seconds.
    """

    kind: str
    family: str
    combinations_held: bool
    sounds: int
    alike: int
    alike_real: int
    checks: tuple[tuple[Check, ...], ...]
    checks_real: tuple[tuple[Check, ...], ...]
    level_db: float | None
    silent: int
    clicks: int
    cut: int
    prompt: str
    spread: float


@dataclass(frozen=True, slots=True)
class KindsEvaluation:
    """All figures of one model, and where and when they were taken."""

    model: str
    steps: int
    size: KindsSize
    conditions: Conditions
    kinds: tuple[KindFigures, ...]


def choose_kinds_size(quick: bool, captions: int | None) -> KindsSize:
    """Return the default or the quick size, with so many captions if given; raises EngineError."""
    usual = KindsSize(2, 2, 4) if quick else KindsSize()
    count = usual.captions if captions is None else captions
    return KindsSize(count, usual.seeds, usual.sounds_of_a_kind)


def compare_kinds(
    candidates: Sequence[Candidate],
    size: KindsSize,
    load: LoadGenerator,
    device: str,
    show: ShowLine,
    kinds: Sequence[Kind] | None = None,
) -> list[KindsEvaluation]:
    """Measure every kind of sound with each model; raises EngineError."""
    chosen = kinds_to_measure() if kinds is None else kinds
    references = measure_kinds([kind.key for kind in chosen], show, size.sounds_of_a_kind)
    found = []
    for candidate in candidates:
        generator = load(candidate.folder, device)
        steps = candidate.steps or generator.card.default_steps
        figures = []
        for place, kind in enumerate(chosen, 1):
            figures.append(measure_kind(kind, generator, steps, size, references))
            if place % PROGRESS_EVERY == 0:
                show(f"{candidate.name}: {place} of {len(chosen)} kinds of sound")
        conditions = current_conditions(device, generator.precision)
        name = candidate.name.partition("@")[0]
        found.append(KindsEvaluation(name, steps, size, conditions, tuple(figures)))
    return found


def measure_kind(
    kind: Kind, generator: Generator, steps: int, size: KindsSize, references: KindReferences
) -> KindFigures:
    """Generate and measure one kind; `references` hold it and all kinds to compare with."""
    held = has_held_combinations(kind)
    examples = render_held_out_of_kind(kind, size.captions, of_combinations=held)
    made = [
        _generate(generator, Recipe(each.prompt, each.seconds, steps, each.seed))
        for each in examples
    ]
    reals = [example.real for example in examples]
    levels = np.array([float(loudness(stack_clips([clip]), SAMPLE_RATE_HZ)) for clip in made])
    audible = levels[levels >= SILENT_LUFS]
    variants = render_variants(kind, size.seeds)
    varied = [
        _generate(generator, Recipe(variants.prompt, variants.seconds, steps, seed))
        for seed in range(1, size.seeds + 1)
    ]
    return KindFigures(
        kind.key,
        kind.family,
        held,
        len(made),
        alike=_count_alike(kind, made, references),
        alike_real=_count_alike(kind, reals, references),
        checks=_check_all(examples, made),
        checks_real=_check_all(examples, reals),
        level_db=float(np.ptp(audible)) if len(audible) > 1 else None,
        silent=len(levels) - len(audible),
        clicks=sum(_has_click(clip) for clip in made),
        cut=sum(
            clip.frames != round(example.seconds * clip.rate)
            for example, clip in zip(examples, made, strict=True)
        ),
        prompt=variants.prompt,
        spread=_spread(varied, references) / _spread(variants.clips, references),
    )


def _generate(generator: Generator, recipe: Recipe) -> Clip:
    return generator.generate(recipe, None, never_cancel).clip


def _count_alike(kind: Kind, clips: Sequence[Clip], references: KindReferences) -> int:
    return sum(kind.key in references.nearest_kinds(measure_traits(clip)) for clip in clips)


def _check_all(examples: Sequence[Example], clips: Sequence[Clip]) -> tuple[tuple[Check, ...], ...]:
    return tuple(
        check_sound(clip, example.seconds, example.claims, NO_KIND)
        for example, clip in zip(examples, clips, strict=True)
    )


def _has_click(clip: Clip) -> bool:
    return bool(np.abs(clip.samples[[0, -1]]).max() > SILENT_END)


def _spread(clips: Sequence[Clip], references: KindReferences) -> float:
    return references.spread_of(np.stack([measure_traits(clip) for clip in clips]))
