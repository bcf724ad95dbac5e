"""A ring buffer that keeps the last sound that passed. Its own callback's thread."""

from __future__ import annotations

import numpy as np

from app.audio.kernel.numba_support import Record, Samples, as_pointer, carray, fence, jit


@jit
def write_ring(ring: Record, position: int, sound: Samples) -> None:
    """Put frames into the ring, the first of them at `position`, over the oldest ones."""
    if ring.capacity == 0:
        return
    kept = carray(as_pointer(ring.samples), (ring.capacity, ring.channels), np.float32)
    place = position % ring.capacity
    for frame in range(sound.shape[0]):
        for channel in range(sound.shape[1]):
            kept[place, channel] = sound[frame, channel]
        place = place + 1 if place + 1 < ring.capacity else 0
    fence()
    ring.position = position + sound.shape[0]
