"""peaks: reduces a clip to the columns of a waveform display. Any thread."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.clip import Clip


def peaks(clip: Clip, columns: int) -> NDArray[np.float32]:
    """Return `(columns, 2)`: lowest and highest value of the mono mix in each column.

    With more columns than frames, neighbouring columns show the same frame.
    """
    if columns < 1:
        raise ValueError(f"columns must be 1 or more, got {columns}")
    mono = clip.samples.mean(axis=1, dtype=np.float32)
    starts = np.arange(columns, dtype=np.int64) * clip.frames // columns
    # reduceat wants every index inside; equal neighbours give the single frame at that index.
    low = np.minimum.reduceat(mono, starts)
    high = np.maximum.reduceat(mono, starts)
    return np.stack([low, high], axis=1)
