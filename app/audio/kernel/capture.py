"""The input: metered, and kept on its tape. The input callback's thread."""

from __future__ import annotations

from app.audio.kernel.numba_support import Record, Samples, compiled, fence, ticks_now
from app.audio.kernel.tape import roll


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
    """Put the block on the tape and note when it came."""
    capture.blocks_begun += 1
    fence()
    capture.block_ticks = ticks_now(capture.clock, capture.ticks)
    capture.block_position = capture.tape.position
    roll(capture.tape, capture.tape.position, incoming)
    fence()
    capture.blocks_done += 1
