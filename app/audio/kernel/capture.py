"""The input: metered, and copied while a take is wanted. The input callback's thread."""

from __future__ import annotations

import numpy as np

from app.audio.kernel.machine import Record, Samples, as_pointer, carray, compiled, fence


@compiled
def meter_input(capture: Record, incoming: Samples) -> None:
    """Raise the peak; begin anew when it has been read."""
    asked = capture.meter_asked
    if asked != capture.meter_seen:
        capture.peak = 0.0
        fence()
        capture.meter_seen = asked
    for frame in range(incoming.shape[0]):
        for channel in range(incoming.shape[1]):
            capture.peak = max(capture.peak, abs(incoming[frame, channel]))


@compiled
def keep_input(capture: Record, incoming: Samples) -> None:
    """Copy the block behind the take's last one, as far as there is room."""
    wanted = capture.wanted
    if wanted == 0:
        return
    if wanted != capture.take:
        capture.position = 0
        fence()
        capture.take = wanted
    shape = (capture.capacity, capture.channels)
    kept = carray(as_pointer(capture.samples), shape, np.float32)
    position = capture.position
    count = min(incoming.shape[0], capture.capacity - position)
    for frame in range(count):
        for channel in range(incoming.shape[1]):
            kept[position + frame, channel] = incoming[frame, channel]
    fence()
    capture.position = position + count
