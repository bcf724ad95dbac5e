"""Block timing: when a block begins, without wake-up jitter. The output callback's thread.

A sound card consumes blocks at a steady rate, but the thread that fills them wakes with jitter,
which hits placed by its wake-up times would inherit. A delay-locked loop follows the card instead
(Adriaensen, "Using a DLL to filter time").
"""

from __future__ import annotations

import math

import numpy as np

from app.audio.kernel.numba_support import Record, jit

BANDWIDTH_HZ = 1.0
"""Slow enough to average hundreds of blocks, fast enough to follow a card that warms up."""
MAX_JITTER = 0.25
"""A block that is late by more than this share of its duration is an outlier."""
MAX_LATE_BLOCKS = 8
"""After so many outliers in a row, or one block that late, the card is assumed to have stopped."""
MAX_DRIFT = 0.002
"""No sound card drifts more than this, as a share of its rate."""


@jit
def track_block_start(mix: Record, began: int, frames: int) -> None:
    """Estimate when a block of `frames` began for the card, given when the thread woke for it."""
    status = mix.status
    period = frames * mix.control.ticks_per_s / mix.control.rate
    late = began - status.next_block_ticks
    if (
        late < -MAX_JITTER * period
        or late > MAX_LATE_BLOCKS * period
        or status.outliers >= MAX_LATE_BLOCKS
    ):
        # No thread wakes early: the estimate was wrong, or the card stopped. Start over.
        status.next_block_ticks = began
        status.outliers = 0
        late = 0.0
    elif late > MAX_JITTER * period:
        status.outliers += 1
        late = 0.0
    else:
        status.outliers = 0
    status.block_ticks = np.int64(status.next_block_ticks)
    turn = 2.0 * math.pi * BANDWIDTH_HZ * frames / mix.control.rate
    drift = status.drift + turn * turn * late / period
    status.drift = min(max(drift, -MAX_DRIFT), MAX_DRIFT)
    status.next_block_ticks += math.sqrt(2.0) * turn * late + period * (1.0 + status.drift)
