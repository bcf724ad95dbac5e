"""Measures the speed of generation, for the command `bench`. Needs torch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from engine.api import Recipe, Timing
from engine.process.generator_protocol import Generator

WARMUP_RUNS = 2
"""Unmeasured runs: the first allocates memory and compiles code that later ones reuse."""

_MILLISECONDS = 1e3


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and spread of measured milliseconds."""

    median: float
    p10: float
    p90: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class BatchReport:
    """`count` sounds made in one batch: milliseconds each, and the speed-up over one by one.

    `agreement_db` is how far the worst of them differs from the same sound made alone.
    """

    count: int
    each_ms: Spread
    ratio: float
    agreement_db: float


@dataclass(frozen=True, slots=True)
class BenchReport:
    """Results of a benchmark; `together` only if a batch was measured."""

    model: str
    device: str
    precision: str
    threads: int
    torch: str
    prompt: str
    seconds: float
    steps: int
    runs: int
    load_s: float
    first_ms: float
    text_ms: Spread
    step_ms: Spread
    steps_ms: Spread
    decode_ms: Spread
    whole_ms: Spread
    together: BatchReport | None = None


@dataclass(frozen=True, slots=True)
class _Run:
    timing: Timing
    whole_ms: float
    step_ms: list[float]


def measure(
    load: Callable[[], Generator], recipe: Recipe, runs: int, count: int = 1
) -> BenchReport:
    """Load a generator, and time the recipe `runs` times with a new seed each time.

    `whole_ms` is the wall time of the whole call, from prompt to samples.
    """
    started = time.perf_counter()
    generator = load()
    load_s = time.perf_counter() - started
    everything = [
        _time_run(generator, replace(recipe, seed=seed)) for seed in range(WARMUP_RUNS + runs)
    ]
    measured = everything[WARMUP_RUNS:]
    return BenchReport(
        model=generator.card.name,
        device=generator.device,
        precision=generator.precision,
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        prompt=recipe.prompt,
        seconds=recipe.seconds,
        steps=recipe.steps,
        runs=runs,
        load_s=round(load_s, 3),
        first_ms=round(everything[0].whole_ms, 3),
        text_ms=summarise([run.timing.text_ms for run in measured]),
        step_ms=summarise([step for run in measured for step in run.step_ms]),
        steps_ms=summarise([run.timing.steps_ms for run in measured]),
        decode_ms=summarise([run.timing.decode_ms for run in measured]),
        whole_ms=summarise([run.whole_ms for run in measured]),
        together=_measure_batch(generator, recipe, runs, count) if count > 1 else None,
    )


def _measure_batch(generator: Generator, recipe: Recipe, runs: int, count: int) -> BatchReport:
    """Time `count` sounds one by one and in one batch, alternating."""
    recipes = [replace(recipe, seed=seed) for seed in range(count)]
    alone_ms, together_ms, apart_db = [], [], math.inf
    for run in range(1 + runs):
        started = time.perf_counter()
        alone = [generator.generate(each, None, _continue) for each in recipes]
        between = time.perf_counter()
        together = list(generator.generate_all(recipes, None, _continue))
        if run:
            together_ms.append((time.perf_counter() - between) * _MILLISECONDS / count)
            alone_ms.append((between - started) * _MILLISECONDS / count)
        pairs = zip(together, alone, strict=True)
        apart_db = min(agreement_db(a.clip.samples, b.clip.samples) for a, b in pairs)
    each = summarise(together_ms)
    return BatchReport(count, each, round(summarise(alone_ms).median / each.median, 2), apart_db)


def agreement_db(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> float:
    """Return how many dB the difference of two sounds lies below the second one."""
    difference, sound = (float(np.linalg.norm(each)) for each in (ours - theirs, theirs))
    return round(20 * math.log10(max(sound, 1e-12) / max(difference, 1e-12)), 1)


def _continue(step: int, steps: int) -> bool:
    return True


def summarise(values: Sequence[float]) -> Spread:
    """Return median and spread of milliseconds."""
    p10, median, p90 = np.percentile(values, [10, 50, 90])
    figures = (median, p10, p90, min(values), max(values))
    return Spread(*(round(float(figure), 3) for figure in figures))


def _time_run(generator: Generator, recipe: Recipe) -> _Run:
    ticks: list[float] = []

    def on_step(step: int, steps: int) -> bool:
        ticks.append(time.perf_counter())
        return True

    started = time.perf_counter()
    made = generator.generate(recipe, None, on_step)
    whole_ms = (time.perf_counter() - started) * _MILLISECONDS
    between = [(after - before) * _MILLISECONDS for before, after in pairwise(ticks)]
    return _Run(made.timing, whole_ms, between or [made.timing.steps_ms / recipe.steps])
