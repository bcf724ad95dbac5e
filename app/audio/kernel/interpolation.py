"""Design of the interpolation filters: windowed sincs for fractional positions. Any thread."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from app.audio.kernel.layout import PEAK_TAPS, SINC_COUNT

PHASES = 128
"""Filters per frame; the kernel interpolates between neighbours, with errors below -80 dB."""
LANES = 8
"""SIMD width of the kernel's sum: the number of taps is a multiple of it."""
TAPS = 32
CUTOFF = 0.44
"""-6 dB point as a share of the rate: with 32 taps the stop band begins at half the rate."""
BETA = 7.0
"""Of the Kaiser window: 70 dB of stop-band attenuation."""


@dataclass(frozen=True, slots=True, eq=False)
class Sincs:
    """All filters in one array; for each semitone its tap count and its first weight's index."""

    weights: NDArray[np.float32]
    taps: tuple[int, ...]
    starts: tuple[int, ...]


@cache
def make_sincs() -> Sincs:
    """Design the filters: for n semitones up, 2**(n/12) times as long, with as much less cutoff."""
    tables = [_make_filters(2.0 ** (semitones / 12.0)) for semitones in range(SINC_COUNT)]
    taps = tuple(table.shape[1] for table in tables)
    sizes = np.cumsum([0, *(table.size for table in tables)])
    weights = np.concatenate([table.ravel() for table in tables]).astype(np.float32)
    return Sincs(weights, taps, tuple(int(size) for size in sizes[:-1]))


def _make_filters(speed: float) -> NDArray[np.float64]:
    """Return `(PHASES + 1, taps)` weights, each row with the sum 1."""
    taps = LANES * int(np.ceil(TAPS * speed / LANES))
    offsets = np.arange(taps) - (taps // 2 - 1)
    distance = offsets[None, :] - np.arange(PHASES + 1)[:, None] / PHASES
    cutoff = CUTOFF / speed
    inside = np.clip(1.0 - (distance / (taps / 2.0)) ** 2, 0.0, None)
    window = np.i0(BETA * np.sqrt(inside)) / np.i0(BETA)
    rows = np.sinc(2.0 * cutoff * distance) * window
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))


def make_peak_filters() -> NDArray[np.float32]:
    """Return `(3, PEAK_TAPS)` weights that interpolate 1/4, 1/2 and 3/4 of a frame after the frame
    at `PEAK_TAPS / 2 - 1`.
    """
    middle = PEAK_TAPS // 2 - 1
    distance = np.arange(PEAK_TAPS) - middle - np.array([[0.25], [0.5], [0.75]])
    inside = np.clip(1.0 - (distance / (PEAK_TAPS / 2)) ** 2, 0.0, None)
    rows = np.sinc(distance) * np.i0(4.0 * np.sqrt(inside)) / np.i0(4.0)
    return np.asarray(rows / rows.sum(axis=1, keepdims=True), np.float32)
