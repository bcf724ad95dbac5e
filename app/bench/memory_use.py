"""MemoryUse: whether the memory of this process grows while a benchmark runs. Linux."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SAMPLE_EVERY_S = 1.0
WARM_UP = 0.2
"""Share of the samples after which memory should not grow any more; a minute at most."""


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Resident memory of this process in megabytes: after the warm-up, and the growth from there.

    Both are medians over a tenth of the samples, which are taken once per second.
    """

    warm_mb: float
    growth_mb: float


def summarize_memory(resident_mb: Sequence[float]) -> MemoryUse:
    """Return the memory after the warm-up and its growth, from samples at equal intervals."""
    warm = int(min(WARM_UP * len(resident_mb), 60.0 / SAMPLE_EVERY_S))
    counted = resident_mb[warm:]
    tenth = max(len(counted) // 10, 1)
    first, last = float(np.median(counted[:tenth])), float(np.median(counted[-tenth:]))
    return MemoryUse(round(first, 2), round(last - first, 2))


def read_resident_mb() -> float:
    """Return the memory of this process in megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
