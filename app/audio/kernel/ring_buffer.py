"""Ring buffer of the most recent sound. The thread of the callback that owns it."""

from __future__ import annotations

import numpy as np

from app.audio.kernel.numba_support import Record, Samples, as_pointer, carray, fence, jit


@jit
def write_ring(ring: Record, position: int, sound: Samples) -> None:
    """Write frames into the ring from frame number `position` on, over the oldest ones."""
    if ring.capacity == 0:
        return
    samples = carray(as_pointer(ring.samples), (ring.capacity, ring.channels), np.float32)
    place = position % ring.capacity
    for frame in range(sound.shape[0]):
        for channel in range(sound.shape[1]):
            samples[place, channel] = sound[frame, channel]
        place = place + 1 if place + 1 < ring.capacity else 0
    fence()
    ring.position = position + sound.shape[0]
