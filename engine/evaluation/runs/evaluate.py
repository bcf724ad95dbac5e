"""The whole evaluation: models make held-out prompts, and a table says how well. One process."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from engine.api import EngineError
from engine.clip import Clip
from engine.evaluation.measures.metrics import NEIGHBOURS
from engine.evaluation.measures.prompt_checks import Check
from engine.evaluation.references.embedders import Embedder
from engine.evaluation.references.examples import Example, held_out_examples
from engine.evaluation.references.kind_references import SOUNDS_OF_A_KIND, measure_kinds
from engine.evaluation.runs.making import Amount, Contestant, Weighed, load_weighed, make_all
from engine.evaluation.runs.scoring import Judge, Row, Scores, row_of
from engine.hardware.device import choose_device, machine_name
from engine.process.generator_protocol import Generator

Load = Callable[[Path, str], Generator]
Show = Callable[[str], None]

MOST_PROMPTS = 10_000


@dataclass(frozen=True, slots=True)
class EvaluationSize:
    """How much is measured. FD and coverage depend on `prompts`: compare only equal sizes."""

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
            if not least <= value <= MOST_PROMPTS:
                raise EngineError(f"{name} must be {least}..{MOST_PROMPTS}, got {value}.")


QUICK = EvaluationSize(prompts=24, varied=6, seeds=3, sounds_of_a_kind=12, shown=6)


def size_of(quick: bool, prompts: int | None = None, repeats: int = 1) -> EvaluationSize:
    """The usual size or the quick one, changed as asked; raises EngineError for nonsense."""
    size = QUICK if quick else EvaluationSize()
    count = size.prompts if prompts is None else prompts
    return replace(size, prompts=count, varied=min(size.varied, count), repeats=repeats)


@dataclass(frozen=True, slots=True)
class Conditions:
    """On what and when something was measured."""

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
class About:
    """With what, on what and how long."""

    conditions: Conditions
    embedder: str
    size: EvaluationSize
    neighbours: int
    minutes: float


@dataclass(frozen=True, slots=True)
class Shown:
    """A sound of one row, to look at and to play."""

    row: str
    clip: Clip
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All that the table, the JSON file and the page are made of."""

    about: About
    rows: tuple[Row, ...]
    examples: tuple[Example, ...]
    shown: tuple[tuple[Shown, ...], ...]
    """By example: the real sound first, then each model's."""


def evaluate(
    contestants: Sequence[Contestant],
    embedder: Embedder | None,
    size: EvaluationSize,
    load: Load,
    device: str,
    show: Show,
) -> Evaluation:
    """Measure every contestant on the same held-out prompts, beside real sounds and chance."""
    started, device = time.monotonic(), choose_device(device)
    judge = open_judge(embedder, size, show)
    rows = [judge.real_row(), judge.chance_row()]
    shown = [
        [Shown(rows[0].name, example.real, checks)]
        for example, checks in zip(judge.examples, rows[0].checks, strict=True)
    ][: size.shown]
    precision = ""
    for contestant in contestants:
        weighed = load_for(judge, load, contestant.folder, device, contestant.steps)
        steps = contestant.steps or weighed.generator.card.default_steps
        name = f"{contestant.name.partition('@')[0]}, {steps} step{'s' if steps > 1 else ''}"
        show(name)
        measured = measure(weighed, steps, judge, size, show)
        precision = weighed.generator.precision
        rows.append(row_of(name, steps, measured.runs, measured.checks))
        for cards, clip, checks in zip(shown, measured.clips, measured.checks, strict=False):
            cards.append(Shown(name, clip, checks))
        del weighed
    minutes = round((time.monotonic() - started) / 60, 2)
    about = About(
        conditions_of(device, precision), name_of(embedder), size, neighbours_of(size), minutes
    )
    return Evaluation(about, tuple(rows), judge.examples, tuple(map(tuple, shown)))


def open_judge(embedder: Embedder | None, size: EvaluationSize, show: Show) -> Judge:
    """Render and embed what all models are compared with; the same each time."""
    if embedder is None:
        show("no embedder: FD, KL, score, recall, coverage and CCDS are left out")
    both = held_out_examples(2 * size.prompts, show)
    examples, others = both[: size.prompts], [example.real for example in both[size.prompts :]]
    kinds = {example.claims.kind for example in examples if example.claims.kind is not None}
    show(f"measuring {len(kinds)} kinds of sound, to compare with")
    return Judge(examples, others, embedder, measure_kinds(kinds, show, size.sounds_of_a_kind))


@dataclass(frozen=True, slots=True)
class Measured:
    """A model's scores by run, the checks of all runs in order, and the sounds of the first."""

    runs: tuple[Scores, ...]
    checks: tuple[tuple[Check, ...], ...]
    clips: tuple[Clip, ...] = ()


def load_for(
    judge: Judge, load: Load, folder: Path, device: str, steps: int | None = None
) -> Weighed:
    """Load a model and see how much memory the longest of the prompts takes."""
    longest = max(judge.examples, key=lambda example: example.seconds)
    return load_weighed(lambda: load(folder, device), steps, longest)


def measure(
    weighed: Weighed, steps: int, judge: Judge, size: EvaluationSize, show: Show
) -> Measured:
    """Let a model make all prompts in so many steps, `size.repeats` times with other seeds."""
    amount = Amount(size.prompts, size.varied, size.seeds)
    runs: list[Scores] = []
    checks: list[tuple[Check, ...]] = []
    clips: tuple[Clip, ...] = ()
    for repeat in range(size.repeats):
        if size.repeats > 1:
            show(f"run {repeat + 1} of {size.repeats}")
        made = make_all(weighed.generator, steps, judge.examples, amount, repeat, show)
        scores, checked = judge.score_made(made)
        runs.append(replace(scores, memory_mb=weighed.memory_mb))
        checks.extend(checked)
        clips = clips or tuple(made.clips)
    return Measured(tuple(runs), tuple(checks), clips)


def conditions_of(device: str, precision: str) -> Conditions:
    """Where and when this is."""
    return Conditions(
        made=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        device=device,
        precision=precision,
        machine=machine_name(device),
        threads=torch.get_num_threads(),
        torch=torch.__version__,
    )


def name_of(embedder: Embedder | None) -> str:
    """What to print beside figures."""
    return "none" if embedder is None else embedder.name


def neighbours_of(size: EvaluationSize) -> int:
    """The k of recall and coverage."""
    return min(NEIGHBOURS, size.prompts - 1)
