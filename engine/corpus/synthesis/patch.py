"""A batch of sounds of one kind to render, as tensors for the instruments. Training process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import pi

import torch
from torch import Tensor

from engine.corpus.captions.captions import Plan

TAU = 2 * pi
ROUNDED_TAU = 6.2832
"""TAU as some instruments have it: with more digits every sound of theirs would change."""


@dataclass(frozen=True, slots=True)
class Patch:
    """What an instrument renders: properties are (B, 1) tensors, `frames` is the length to fill.

    `hertz` is the played note's frequency (440 where the kind has no pitch); `variants` and `forms`
    name the sub-kind of each item. `generator` lives on the device of the tensors.
    `plans` say more where an instrument needs it (loops).
    """

    variants: tuple[str, ...]
    forms: tuple[str, ...]
    seconds: Tensor
    hertz: Tensor
    brightness: Tensor
    decay: Tensor
    drive: Tensor
    space: Tensor
    frames: int
    rate: int
    generator: torch.Generator
    plans: tuple[Plan, ...] = ()

    @property
    def size(self) -> int:
        """How many sounds."""
        return len(self.variants)

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.seconds.device

    def rows(self, places: list[int]) -> Patch:
        """Only some of the sounds."""
        index = torch.tensor(places, device=self.device)
        return replace(
            self,
            variants=tuple(self.variants[place] for place in places),
            forms=tuple(self.forms[place] for place in places),
            seconds=self.seconds[index],
            hertz=self.hertz[index],
            brightness=self.brightness[index],
            decay=self.decay[index],
            drive=self.drive[index],
            space=self.space[index],
            plans=tuple(self.plans[place] for place in places) if self.plans else (),
        )

    def time(self) -> Tensor:
        """Seconds since the start, (1, T)."""
        return torch.arange(self.frames, device=self.device).unsqueeze(0) / self.rate

    def uniform(self, low: float, high: float, columns: int = 1) -> Tensor:
        """Random numbers in [low, high), (B, columns)."""
        numbers = torch.rand(self.size, columns, generator=self.generator, device=self.device)
        return low + (high - low) * numbers

    def noise(self, channels: int = 1, frames: int | None = None) -> Tensor:
        """White noise of unit variance, (B, T) for one channel, else (B, channels, T)."""
        length = self.frames if frames is None else frames
        shape = (self.size, length) if channels == 1 else (self.size, channels, length)
        return torch.randn(shape, generator=self.generator, device=self.device)

    def lookup(self, table: Mapping[str, float], keys: tuple[str, ...] | None = None) -> Tensor:
        """One number per item by its variant (or by `keys`), (B, 1)."""
        chosen = [table[key] for key in (self.variants if keys is None else keys)]
        return torch.tensor(chosen, dtype=torch.float32, device=self.device).unsqueeze(1)

    def columns(self, rows: Mapping[str, tuple[float, ...]]) -> tuple[Tensor, ...]:
        """Return the columns of `rows`, by each item's variant, (B, 1) each."""
        table = self.table(rows)
        return tuple(table[:, place : place + 1] for place in range(table.shape[1]))

    def table(self, rows: Mapping[str, tuple[float, ...]]) -> Tensor:
        """One row of numbers per item by its variant, (B, N)."""
        chosen = [rows[key] for key in self.variants]
        return torch.tensor(chosen, dtype=torch.float32, device=self.device)


Instrument = Callable[[Patch], Tensor]


def between(low: Tensor | float, high: Tensor | float, amount: Tensor) -> Tensor:
    """The geometric step from `low` (amount 0) to `high` (amount 1); both positive."""
    low = torch.as_tensor(low, dtype=torch.float32, device=amount.device)
    high = torch.as_tensor(high, dtype=torch.float32, device=amount.device)
    return low * (high / low) ** amount
