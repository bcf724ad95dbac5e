"""Seeds of a step's random numbers: the same in every process and after a restart. Needs torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import torch

VERSION_KEY = "seeding"
"""Key of a run's seeding version in a checkpoint; those of version 1 lack it."""
VERSION = 2


class Stream(IntEnum):
    """The independent random streams of a step."""

    BATCH = 0
    NOISE = 1
    TEACHER_BATCH = 2
    TEACHER_NOISE = 3
    TEACHER_POINTS = 4


def step_generator(
    seed: int, step: int, stream: Stream, device: torch.device | str = "cpu"
) -> torch.Generator:
    """Return torch's generator of a stream, for one step of a run with `seed`."""
    # On the CPU torch uses 32 bits of the seed: they must differ for neighbouring steps.
    mixed = np.random.SeedSequence((seed, step, stream)).generate_state(1)
    return torch.Generator(device).manual_seed(int(mixed[0]))


def step_rng(seed: int, step: int, stream: Stream) -> np.random.Generator:
    """Return NumPy's generator of a stream, for one step of a run with `seed`."""
    return np.random.default_rng((seed, step, stream))


@dataclass(frozen=True, slots=True)
class LegacySeeding:
    """The seeds of one stage's runs before version 2, by seed, step and stream."""

    numpy_key: Callable[[int, int, Stream], tuple[int, ...]]
    torch_seed: Callable[[int, int, Stream], int]


def _adversarial_numpy_key(seed: int, step: int, stream: Stream) -> tuple[int, ...]:
    return seed, step, 1 if stream is Stream.BATCH else 2


def _adversarial_torch_seed(seed: int, step: int, stream: Stream) -> int:
    key = {Stream.TEACHER_NOISE: (seed, step, 2), Stream.TEACHER_POINTS: (seed, step, 3)}
    return hash(key.get(stream, (seed, step))) & 0x7FFFFFFF


LEGACY_FLOW = LegacySeeding(
    lambda seed, step, _: (seed, step),
    lambda seed, step, _: (seed * 2_654_435_761 + step) % 2**32,
)
LEGACY_ADVERSARIAL = LegacySeeding(_adversarial_numpy_key, _adversarial_torch_seed)
LEGACY_CODEC = LegacySeeding(
    lambda seed, step, _: (seed, step), lambda seed, step, _: hash((seed, step))
)
LEGACY_EMBEDDER = LEGACY_CODEC


class StepSeeds:
    """Generators for the steps of one run; with `legacy`, as in version 1."""

    def __init__(self, seed: int, legacy: LegacySeeding | None = None) -> None:
        self._seed, self._legacy = seed, legacy

    @classmethod
    def of_run(
        cls, seed: int, checkpoint: Mapping[str, Any] | None, legacy: LegacySeeding
    ) -> StepSeeds:
        """Seed a run as its checkpoint was seeded (None: a new run); `legacy` is the stage's."""
        is_new = checkpoint is None or checkpoint.get(VERSION_KEY, 1) >= VERSION
        return cls(seed, None if is_new else legacy)

    @property
    def version(self) -> int:
        """The seeding version, as checkpoints hold it under VERSION_KEY."""
        return VERSION if self._legacy is None else 1

    def generator(
        self, step: int, stream: Stream, device: torch.device | str = "cpu"
    ) -> torch.Generator:
        """Return torch's generator of a stream in a step."""
        if self._legacy is None:
            return step_generator(self._seed, step, stream, device)
        seed = self._legacy.torch_seed(self._seed, step, stream)
        return torch.Generator(device).manual_seed(seed)

    def rng(self, step: int, stream: Stream) -> np.random.Generator:
        """Return NumPy's generator of a stream in a step."""
        if self._legacy is None:
            return step_rng(self._seed, step, stream)
        return np.random.default_rng(self._legacy.numpy_key(self._seed, step, stream))
