"""A player's own folder of sounds, good and bad, written for a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE_HZ = 44_100


def tone(hertz: float, seconds: float, rate: int = RATE_HZ) -> NDArray[np.float32]:
    """A sine of peak 0.5 as (frames,)."""
    times = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def put(path: Path, samples: NDArray[np.float32] | None = None, rate: int = RATE_HZ) -> Path:
    """Write a sound, a short tone where none is given; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone(440, 0.2, rate) if samples is None else samples, rate)
    return path
