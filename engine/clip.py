"""Clip: finished audio and its rate in Hz. Any thread; no torch.

soxr is imported where it is used: a machine that only trains on rendered sounds need not have it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from engine.errors import PlayerError

SAMPLE_RATE_HZ = 44_100
"""The rate of all models here; devices and files have rates of their own."""
RATES_HZ = range(4_000, 400_001)


class ClipError(PlayerError):
    """An audio file or array that cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Finished audio: float32 `(frames, channels)`, full scale ±1, never changed once made."""

    samples: NDArray[np.float32]
    rate: int

    def __post_init__(self) -> None:
        """Refuse what cannot be played: wrong shape, no frames, NaN, odd rates."""
        if self.samples.dtype != np.float32 or self.samples.ndim != 2:
            raise ClipError(
                f"samples must be float32 (frames, channels), got {self.samples.dtype} "
                f"{self.samples.shape}"
            )
        if self.samples.shape[0] == 0 or self.samples.shape[1] == 0:
            raise ClipError("the sound has no frames")
        if self.rate not in RATES_HZ:
            raise ClipError(f"the rate must be 4000..400000 Hz, got {self.rate}")
        if not np.isfinite(self.samples).all():
            raise ClipError("the sound holds values that are not numbers")
        self.samples.setflags(write=False)

    @property
    def frames(self) -> int:
        """Number of sample frames."""
        return int(self.samples.shape[0])

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.samples.shape[1])

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.frames / self.rate

    def cut(self, seconds: float) -> Self:
        """Return its first `seconds`; itself when it is no longer than that."""
        frames = int(seconds * self.rate)
        if self.frames <= frames:
            return self
        return type(self)(self.samples[:frames].copy(), self.rate)

    def stereo(self) -> Self:
        """Return two channels: mono doubled, more than two mixed down evenly to left and right."""
        if self.channels == 2:
            return self
        if self.channels == 1:
            return type(self)(np.repeat(self.samples, 2, axis=1), self.rate)
        left, right = self.samples[:, 0::2].mean(axis=1), self.samples[:, 1::2].mean(axis=1)
        return type(self)(np.stack([left, right], axis=1).astype(np.float32), self.rate)

    def at_rate(self, rate: int) -> Self:
        """Return the same sound at another rate in Hz (soxr, high quality)."""
        if rate == self.rate:
            return self
        import soxr

        resampled = soxr.resample(self.samples, self.rate, rate, quality="HQ")
        if resampled.shape[0] == 0:
            resampled = np.zeros((1, self.channels), np.float32)
        return type(self)(np.ascontiguousarray(resampled, np.float32), rate)
