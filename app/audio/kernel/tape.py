"""A tape: a ring that keeps the last sound that passed. Its own callback's thread."""

from __future__ import annotations

import numpy as np

from app.audio.kernel.numba_support import Record, Samples, as_pointer, carray, compiled, fence


@compiled
def roll(tape: Record, position: int, sound: Samples) -> None:
    """Put frames on the tape, the first of them at `position`, over the oldest ones."""
    if tape.capacity == 0:
        return
    kept = carray(as_pointer(tape.samples), (tape.capacity, tape.channels), np.float32)
    place = position % tape.capacity
    for frame in range(sound.shape[0]):
        for channel in range(sound.shape[1]):
            kept[place, channel] = sound[frame, channel]
        place = place + 1 if place + 1 < tape.capacity else 0
    fence()
    tape.position = position + sound.shape[0]
