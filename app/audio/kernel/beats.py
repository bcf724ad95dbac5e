"""Beats in the callback: the metronome, and loops locked to bars. The output callback's thread."""

from __future__ import annotations

import math

import numpy as np

from app.audio.kernel.layout import BEATS_PER_BAR, PEAK_REACH
from app.audio.kernel.numba_support import (
    Number,
    Record,
    Samples,
    as_pointer,
    carray,
    compiled,
    signed,
)

TINY = 1e-6
CEILING = np.float32(10.0 ** (-0.3 / 20.0))


@compiled
def frame_of_beat(mix: Record, beat: float) -> Number:
    """The first frame at or after a beat."""
    line = mix.lines[mix.control.line]
    return np.int64(math.ceil(line.anchor + beat * line.frames_per_beat - TINY))


@compiled
def beat_at(mix: Record, frame: int) -> Number:
    """Where the beat is at a frame."""
    line = mix.lines[mix.control.line]
    return (frame - line.anchor) / line.frames_per_beat


@compiled
def next_multiple(mix: Record, frame: int, beats: float) -> Number:
    """The first beat at or after a frame that is a multiple of `beats`."""
    beat = math.ceil(beat_at(mix, frame) / beats - TINY) * beats
    # A beat that was rounded up to this very frame has not passed.
    return beat - beats if frame_of_beat(mix, beat - beats) >= frame else beat


@compiled
def click_gain(mix: Record, beat: float) -> Number:
    """The gain of the click on a beat, 0 for none."""
    control = mix.control
    counted = control.count_in_from <= beat < control.count_in_until
    return max(control.metronome, control.count_in if counted else 0.0)


@compiled
def add_metronome(mix: Record, out: Samples) -> None:
    """Add the clicks, as late as the limiter makes everything else; after it, and recorded not."""
    if mix.control.metronome == 0.0 and mix.control.count_in == 0.0 and mix.tick.left == 0:
        return
    start = signed(0)
    first = mix.status.frame - (mix.control.window - 1 + PEAK_REACH)
    shortly = mix.lines[mix.control.line].frames_per_beat / 8.0
    while start < out.shape[0]:
        beat = next_multiple(mix, first + start, 1.0)
        frame = frame_of_beat(mix, beat)
        gain = click_gain(mix, beat)
        # A followed clock may move a beat back behind its click: it clicks once.
        if frame == first + start and gain > 0.0 and frame - mix.tick.frame >= shortly:
            mix.tick.frame = frame
            mix.tick.sound = 0 if beat % BEATS_PER_BAR == 0.0 else 1
            mix.tick.left = mix.control.tick_frames[mix.tick.sound]
            mix.tick.gain = gain
        due = frame_of_beat(mix, next_multiple(mix, first + start + 1, 1.0)) - first
        end = min(due, out.shape[0])
        add_tick(mix, out[start:end])
        start = end


@compiled
def add_tick(mix: Record, out: Samples) -> None:
    """Add what is left of the click that sounds."""
    frames = mix.control.tick_frames[mix.tick.sound]
    samples = carray(as_pointer(mix.control.tick_address[mix.tick.sound]), (frames,), np.float32)
    gain = np.float32(mix.tick.gain)
    for frame in range(min(out.shape[0], mix.tick.left)):
        click = samples[frames - mix.tick.left] * gain
        mix.tick.left -= 1
        for channel in range(2):
            out[frame, channel] = min(max(out[frame, channel] + click, -CEILING), CEILING)
