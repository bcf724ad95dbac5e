"""The whole evaluation: models generate held-out prompts and are scored. Needs torch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from engine.api import EngineError
from engine.clip import Clip
from engine.evaluation.callbacks import LoadGenerator, ShowLine
from engine.evaluation.measures.metrics import NEIGHBOURS
from engine.evaluation.measures.prompt_checks import Check
from engine.evaluation.references.embedders import Embedder
from engine.evaluation.references.examples import Example, render_held_out_examples
from engine.evaluation.references.kind_references import SOUNDS_OF_A_KIND, measure_kinds
from engine.evaluation.runs.sampling import (
    Candidate,
    LoadedCandidate,
    SamplingPlan,
    generate_all,
    load_candidate,
)
from engine.evaluation.runs.scoring import ReferenceSet, Row, Scores, summarize_runs
from engine.hardware.device import choose_device, machine_name

MAX_PROMPTS = 10_000


@dataclass(frozen=True, slots=True)
class EvaluationSize:
    """The size of an evaluation. FD and coverage depend on `prompts`: compare only equal sizes."""

    prompts: int = 200
    varied: int = 24
    seeds: int = 4
    repeats: int = 1
    sounds_of_a_kind: int = SOUNDS_OF_A_KIND
    shown: int = 12

    def __post_init__(self) -> None:
        """Refuse sizes that measure nothing."""
        for name, least in (("prompts", 4), ("varied", 1), ("seeds", 2), ("repeats", 1)):
            value = getattr(self, name)
            if not least <= value <= MAX_PROMPTS:
                raise EngineError(f"{name} must be {least}..{MAX_PROMPTS}, got {value}.")


QUICK = EvaluationSize(prompts=24, varied=6, seeds=3, sounds_of_a_kind=12, shown=6)


def choose_size(quick: bool, prompts: int | None = None, repeats: int = 1) -> EvaluationSize:
    """Return the default or the quick size with changes; raises EngineError for bad values."""
    size = QUICK if quick else EvaluationSize()
    count = size.prompts if prompts is None else prompts
    return replace(size, prompts=count, varied=min(size.varied, count), repeats=repeats)


@dataclass(frozen=True, slots=True)
class Conditions:
    """On what machine and when something was measured."""

    made: str
    device: str
    precision: str
    machine: str
    threads: int
    torch: str

    @property
    def place(self) -> str:
        """All but the date, as part of a sentence."""
        return (
            f"{self.machine}, {self.device} ({self.precision}), threads: {self.threads}, "
            f"torch {self.torch}"
        )


@dataclass(frozen=True, slots=True)
class EvaluationContext:
    """Embedder, conditions, size and duration of an evaluation."""

    conditions: Conditions
    embedder: str
    size: EvaluationSize
    neighbours: int
    minutes: float


@dataclass(frozen=True, slots=True)
class ReportSound:
    """A sound of one row, to look at and to play."""

    row: str
    clip: Clip
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All data of the table, the JSON file and the page."""

    about: EvaluationContext
    rows: tuple[Row, ...]
    examples: tuple[Example, ...]
    shown: tuple[tuple[ReportSound, ...], ...]
    """By example: the real sound first, then each model's."""


def evaluate(
    candidates: Sequence[Candidate],
    embedder: Embedder | None,
    size: EvaluationSize,
    load: LoadGenerator,
    device: str,
    show: ShowLine,
) -> Evaluation:
    """Measure every candidate on the same held-out prompts, beside real sounds and chance."""
    started, device = time.monotonic(), choose_device(device)
    references = build_reference_set(embedder, size, show)
    rows = [references.real_row(), references.chance_row()]
    shown = [
        [ReportSound(rows[0].name, example.real, checks)]
        for example, checks in zip(references.examples, rows[0].checks, strict=True)
    ][: size.shown]
    precision = ""
    for candidate in candidates:
        loaded = load_for_references(references, load, candidate.folder, device, candidate.steps)
        steps = candidate.steps or loaded.generator.card.default_steps
        name = f"{candidate.name.partition('@')[0]}, {steps} step{'s' if steps > 1 else ''}"
        show(name)
        measured = measure(loaded, steps, references, size, show)
        precision = loaded.generator.precision
        rows.append(summarize_runs(name, steps, measured.runs, measured.checks))
        for cards, clip, checks in zip(shown, measured.clips, measured.checks, strict=False):
            cards.append(ReportSound(name, clip, checks))
        del loaded
    minutes = round((time.monotonic() - started) / 60, 2)
    about = EvaluationContext(
        current_conditions(device, precision),
        embedder_name(embedder),
        size,
        neighbour_count(size),
        minutes,
    )
    return Evaluation(about, tuple(rows), references.examples, tuple(map(tuple, shown)))


def build_reference_set(
    embedder: Embedder | None, size: EvaluationSize, show: ShowLine
) -> ReferenceSet:
    """Render and embed the reference set, the same each time."""
    if embedder is None:
        show("no embedder: FD, KL, score, recall, coverage and CCDS are left out")
    both = render_held_out_examples(2 * size.prompts, show)
    examples, others = both[: size.prompts], [example.real for example in both[size.prompts :]]
    kinds = {example.claims.kind for example in examples if example.claims.kind is not None}
    show(f"measuring {len(kinds)} kinds of sound, to compare with")
    return ReferenceSet(
        examples, others, embedder, measure_kinds(kinds, show, size.sounds_of_a_kind)
    )


@dataclass(frozen=True, slots=True)
class Measurement:
    """A model's scores by run, the checks of all runs in order, and the sounds of the first."""

    runs: tuple[Scores, ...]
    checks: tuple[tuple[Check, ...], ...]
    clips: tuple[Clip, ...] = ()


def load_for_references(
    references: ReferenceSet,
    load: LoadGenerator,
    folder: Path,
    device: str,
    steps: int | None = None,
) -> LoadedCandidate:
    """Load a model and measure the memory that the longest prompt takes."""
    longest = max(references.examples, key=lambda example: example.seconds)
    return load_candidate(lambda: load(folder, device), steps, longest)


def measure(
    loaded: LoadedCandidate,
    steps: int,
    references: ReferenceSet,
    size: EvaluationSize,
    show: ShowLine,
) -> Measurement:
    """Generate all prompts in so many steps, `size.repeats` times with other seeds, and score."""
    amount = SamplingPlan(size.prompts, size.varied, size.seeds)
    runs: list[Scores] = []
    checks: list[tuple[Check, ...]] = []
    clips: tuple[Clip, ...] = ()
    for repeat in range(size.repeats):
        if size.repeats > 1:
            show(f"run {repeat + 1} of {size.repeats}")
        made = generate_all(loaded.generator, steps, references.examples, amount, repeat, show)
        scores, checked = references.score(made)
        runs.append(replace(scores, memory_mb=loaded.memory_mb))
        checks.extend(checked)
        clips = clips or tuple(made.clips)
    return Measurement(tuple(runs), tuple(checks), clips)


def current_conditions(device: str, precision: str) -> Conditions:
    """Return this machine, device, precision and date."""
    return Conditions(
        made=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        device=device,
        precision=precision,
        machine=machine_name(device),
        threads=torch.get_num_threads(),
        torch=torch.__version__,
    )


def embedder_name(embedder: Embedder | None) -> str:
    """Return the embedder's name to print beside figures, or a word for none."""
    return "none" if embedder is None else embedder.name


def neighbour_count(size: EvaluationSize) -> int:
    """Return the k of recall and coverage."""
    return min(NEIGHBOURS, size.prompts - 1)
