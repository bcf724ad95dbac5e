"""Steps taken out of the sound, so that no cut clicks. The output callback's thread.

Where a sound breaks off at a value, that value goes on from there and dies away within some
milliseconds; where one begins at a value, its opposite is added and dies away. What is left has a
bend where the step was, which nobody hears.
"""

from __future__ import annotations

from app.audio.kernel.numba_support import Record, Samples, compiled

SILENT = 1e-7
"""-140 dB: what is left of a step below this is left out."""


@compiled
def take_out(mix: Record, at: int, left: float, right: float) -> None:
    """Take out a fall of `left`, `right` (negative: a rise) before frame `at` of the chunk."""
    mix.residue.any = 1
    mix.residue.steps[at, 0] += left
    mix.residue.steps[at, 1] += right


@compiled
def add_residue(mix: Record, out: Samples) -> None:
    """Add what is left of steps to the chunk."""
    residue = mix.residue
    if residue.any == 0:
        return
    frames = out.shape[0]
    for channel in range(2):
        value = residue.value[channel]
        for frame in range(frames):
            value = (value + residue.steps[frame, channel]) * mix.control.residue_fall
            if abs(value) < SILENT:
                value = 0.0
            residue.steps[frame, channel] = 0.0
            out[frame, channel] += value
        residue.value[channel] = value
        # A voice that ended with the chunk: its step belongs to the next one's first frame.
        residue.steps[0, channel] = residue.steps[frames, channel]
        residue.steps[frames, channel] = 0.0
    waiting = abs(residue.steps[0, 0]) + abs(residue.steps[0, 1])
    residue.any = abs(residue.value[0]) + abs(residue.value[1]) + waiting > 0.0
