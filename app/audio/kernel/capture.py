"""Input capture: meters the input and writes it into a ring buffer. The input callback's thread."""

from __future__ import annotations

from app.audio.kernel.numba_support import Record, Samples, fence, jit, read_ticks
from app.audio.kernel.ring_buffer import write_ring


@jit
def meter_input(capture: Record, incoming: Samples) -> None:
    """Update the peak; reset it first if that was requested."""
    asked = capture.meter_resets_requested
    if asked != capture.meter_resets_done:
        capture.peak = 0.0
        fence()
        capture.meter_resets_done = asked
    for frame in range(incoming.shape[0]):
        for channel in range(incoming.shape[1]):
            capture.peak = max(capture.peak, abs(incoming[frame, channel]))


@jit
def capture_input(capture: Record, incoming: Samples) -> None:
    """Write the block into the ring buffer and record when it arrived."""
    capture.blocks_begun += 1
    fence()
    capture.block_ticks = read_ticks(capture.clock, capture.clock_result)
    capture.block_position = capture.ring.position
    write_ring(capture.ring, capture.ring.position, incoming)
    fence()
    capture.blocks_done += 1
