"""Declick: removes the steps that cuts leave in the sound. The output callback's thread.

Where a sound is cut off at some value, an offset of that value is added from there on and decays
exponentially within some milliseconds; where a sound begins at some value, the negative offset is
added. The step becomes a change of slope, which is inaudible.
"""

from __future__ import annotations

from app.audio.kernel.numba_support import Record, Samples, jit

SILENT = 1e-7
"""-140 dB: an offset that has decayed below this is set to zero."""


@jit
def remove_step(mix: Record, at: int, left: float, right: float) -> None:
    """Compensate a fall of `left`, `right` (negative: a rise) before frame `at` of the chunk."""
    mix.declick.any = 1
    mix.declick.steps[at, 0] += left
    mix.declick.steps[at, 1] += right


@jit
def add_declick(mix: Record, out: Samples) -> None:
    """Add the decaying offsets of all removed steps to the chunk."""
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
        # The step of a voice that ended with this chunk belongs to the next chunk's first frame.
        declick.steps[0, channel] = declick.steps[frames, channel]
        declick.steps[frames, channel] = 0.0
    waiting = abs(declick.steps[0, 0]) + abs(declick.steps[0, 1])
    declick.any = abs(declick.value[0]) + abs(declick.value[1]) + waiting > 0.0
