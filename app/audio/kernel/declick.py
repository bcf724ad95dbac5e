"""Declick: steps are taken out of the sound, so that no cut clicks. The output callback's thread.

Where a sound breaks off at a value, that value goes on from there and dies away within some
milliseconds; where one begins at a value, its opposite is added and dies away. What is left has a
bend where the step was, which nobody hears.
"""

from __future__ import annotations

from app.audio.kernel.numba_support import Record, Samples, jit

SILENT = 1e-7
"""-140 dB: what is left of a step below this is left out."""


@jit
def remove_step(mix: Record, at: int, left: float, right: float) -> None:
    """Take out a fall of `left`, `right` (negative: a rise) before frame `at` of the chunk."""
    mix.declick.any = 1
    mix.declick.steps[at, 0] += left
    mix.declick.steps[at, 1] += right


@jit
def add_declick(mix: Record, out: Samples) -> None:
    """Add to the chunk what is left of the steps that were taken out."""
    declick = mix.declick
    if declick.any == 0:
        return
    frames = out.shape[0]
    for channel in range(2):
        value = declick.value[channel]
        for frame in range(frames):
            value = (value + declick.steps[frame, channel]) * mix.control.declick_decay
            if abs(value) < SILENT:
                value = 0.0
            declick.steps[frame, channel] = 0.0
            out[frame, channel] += value
        declick.value[channel] = value
        # A voice that ended with the chunk: its step belongs to the next one's first frame.
        declick.steps[0, channel] = declick.steps[frames, channel]
        declick.steps[frames, channel] = 0.0
    waiting = abs(declick.steps[0, 0]) + abs(declick.steps[0, 1])
    declick.any = abs(declick.value[0]) + abs(declick.value[1]) + waiting > 0.0
