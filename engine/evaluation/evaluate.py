"""The whole evaluation: models make held-out prompts, and a table says how well. One process."""

from __future__ import annotations

import gc
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from engine.api import EngineError
from engine.clip import Clip
from engine.device import choose_device
from engine.evaluation.embedders import Embedder
from engine.evaluation.examples import Example, held_out_examples
from engine.evaluation.kind_references import SOUNDS_OF_A_KIND, measure_kinds
from engine.evaluation.making import Amount, Contestant, Made, make_all
from engine.evaluation.metrics import NEIGHBOURS
from engine.evaluation.prompt_checks import Check
from engine.evaluation.scoring import Judge, Row, Scores, row_of
from engine.generator_protocol import Generator

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
class About:
    """With what, on what and how long."""

    made: str
    embedder: str
    prompts: int
    varied: int
    seeds: int
    repeats: int
    neighbours: int
    device: str
    precision: str
    processor: str
    threads: int
    torch: str
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
    if embedder is None:
        show("no embedder: FD, KL, score, recall, coverage and CCDS are left out")
    both = held_out_examples(2 * size.prompts, show)
    examples, others = both[: size.prompts], [example.real for example in both[size.prompts :]]
    kinds = {example.claims.kind for example in examples if example.claims.kind is not None}
    show(f"measuring {len(kinds)} kinds of sound, to compare with")
    judge = Judge(examples, embedder, measure_kinds(kinds, show, size.sounds_of_a_kind))
    rows = [judge.real_row(others), judge.chance_row()]
    shown = [
        [Shown(rows[0].name, example.real, checks)]
        for example, checks in zip(examples, rows[0].checks, strict=True)
    ][: size.shown]
    precision = ""
    for contestant in contestants:
        generator = load(contestant.folder, device)
        row, first = _row(generator, contestant, judge, size, show)
        precision = generator.precision
        rows.append(row)
        for cards, clip, checks in zip(shown, first.clips, row.checks, strict=False):
            cards.append(Shown(row.name, clip, checks))
        del generator
        gc.collect()  # the next model's peak of memory must not hold this one
    about = _about(embedder, size, device, precision, (time.monotonic() - started) / 60)
    return Evaluation(about, tuple(rows), tuple(examples), tuple(map(tuple, shown)))


def _row(
    generator: Generator, contestant: Contestant, judge: Judge, size: EvaluationSize, show: Show
) -> tuple[Row, Made]:
    """One contestant's row and the sounds of its first run."""
    steps = contestant.steps or generator.card.default_steps
    amount = Amount(size.prompts, size.varied, size.seeds)
    name = f"{contestant.name.partition('@')[0]}, {steps} step{'s' if steps > 1 else ''}"
    runs: list[Scores] = []
    checks: list[tuple[Check, ...]] = []
    first: Made | None = None
    for repeat in range(size.repeats):
        show(f"{name}: run {repeat + 1} of {size.repeats}")
        made = make_all(generator, steps, judge.examples, amount, repeat, show)
        scores, checked = judge.score_made(made)
        runs.append(scores)
        checks.extend(checked)
        first = first or made
    assert first is not None
    return row_of(name, steps, runs, checks), first


def _about(
    embedder: Embedder | None, size: EvaluationSize, device: str, precision: str, minutes: float
) -> About:
    return About(
        made=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        embedder="none" if embedder is None else embedder.name,
        prompts=size.prompts,
        varied=size.varied,
        seeds=size.seeds,
        repeats=size.repeats,
        neighbours=min(NEIGHBOURS, size.prompts - 1),
        device=torch.cuda.get_device_name() if device.startswith("cuda") else device,
        precision=precision,
        processor=_processor(),
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        minutes=round(minutes, 2),
    )


def _processor() -> str:
    """The processor's name, and how many of its cores there are."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        name = models[0] if models else name
    return f"{name}, {os.cpu_count()} cores"
