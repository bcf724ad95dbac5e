"""When a block begins, without the jitter of the thread that fills it. The output callback.

A sound card takes blocks as evenly as a clock, the thread that fills them wakes now sooner and now
later: hits placed by when it woke would inherit that. A delay-locked loop follows the card instead
(Adriaensen, "Using a DLL to filter time").
"""

from __future__ import annotations

import math

import numpy as np

from app.audio.kernel.numba_support import Record, compiled

BANDWIDTH_HZ = 1.0
"""Slow enough to average hundreds of blocks, fast enough to follow a card that warms up."""
BELIEVED = 0.25
"""A block that begins off by more than this share of itself says nothing about the card."""
PATIENCE = 8
"""Blocks that may be late in a row, or how many late one may be, until the card has stood still."""
FASTEST = 0.002
"""No card runs wronger than this."""


@compiled
def note_begin(mix: Record, began: int, frames: int) -> None:
    """Note when a block of `frames` began for the card, given when the thread woke for it."""
    status = mix.status
    period = frames * mix.control.ticks_per_s / mix.control.rate
    late = began - status.due_ticks
    if late < -BELIEVED * period or late > PATIENCE * period or status.doubted >= PATIENCE:
        # Nothing wakes too soon: what was thought before was wrong.
        status.due_ticks = began
        status.doubted = 0
        late = 0.0
    elif late > BELIEVED * period:
        status.doubted += 1
        late = 0.0
    else:
        status.doubted = 0
    status.block_ticks = np.int64(status.due_ticks)
    turn = 2.0 * math.pi * BANDWIDTH_HZ * frames / mix.control.rate
    drift = status.drift + turn * turn * late / period
    status.drift = min(max(drift, -FASTEST), FASTEST)
    status.due_ticks += math.sqrt(2.0) * turn * late + period * (1.0 + status.drift)
