"""Beats in the callback: the metronome, and loops locked to bars. The output callback's thread."""

from __future__ import annotations

import math

import numpy as np

from app.audio.kernel.layout import BEATS_PER_BAR, PEAK_REACH
from app.audio.kernel.master_bus import CEILING
from app.audio.kernel.numba_support import (
    Number,
    Record,
    Samples,
    as_pointer,
    carray,
    jit,
    to_int64,
)

TINY = 1e-6
CLICK_CEILING = np.float32(CEILING)


@jit
def beat_to_frame(mix: Record, beat: float) -> Number:
    """Return the first frame at or after a beat."""
    line = mix.tempo_lines[mix.control.tempo_line]
    return np.int64(math.ceil(line.anchor + beat * line.frames_per_beat - TINY))


@jit
def frame_to_beat(mix: Record, frame: int) -> Number:
    """Return the position in beats at a frame."""
    line = mix.tempo_lines[mix.control.tempo_line]
    return (frame - line.anchor) / line.frames_per_beat


@jit
def find_next_multiple(mix: Record, frame: int, beats: float) -> Number:
    """Return the first beat at or after a frame that is a multiple of `beats`."""
    beat = math.ceil(frame_to_beat(mix, frame) / beats - TINY) * beats
    # The frame of a beat is rounded up: the beat before may still fall on this frame.
    return beat - beats if beat_to_frame(mix, beat - beats) >= frame else beat


@jit
def compute_click_gain(mix: Record, beat: float) -> Number:
    """Return the gain of the click on a beat, 0 for none."""
    control = mix.control
    counted = control.count_in_from <= beat < control.count_in_until
    return max(control.metronome, control.count_in if counted else 0.0)


@jit
def add_metronome(mix: Record, out: Samples) -> None:
    """Add the clicks, delayed like everything else by the limiter's latency; not captured."""
    if mix.control.metronome == 0.0 and mix.control.count_in == 0.0 and mix.click.frames_left == 0:
        return
    start = to_int64(0)
    first = mix.status.frame - (mix.control.limiter_window - 1 + PEAK_REACH)
    min_distance = mix.tempo_lines[mix.control.tempo_line].frames_per_beat / 8.0
    while start < out.shape[0]:
        beat = find_next_multiple(mix, first + start, 1.0)
        frame = beat_to_frame(mix, beat)
        gain = compute_click_gain(mix, beat)
        # An external clock may move a beat that has clicked back into the future: click only once.
        if frame == first + start and gain > 0.0 and frame - mix.click.frame >= min_distance:
            mix.click.frame = frame
            mix.click.sound = 0 if beat % BEATS_PER_BAR == 0.0 else 1
            mix.click.frames_left = mix.control.click_frames[mix.click.sound]
            mix.click.gain = gain
        due = beat_to_frame(mix, find_next_multiple(mix, first + start + 1, 1.0)) - first
        end = min(due, out.shape[0])
        add_click(mix, out[start:end])
        start = end


@jit
def add_click(mix: Record, out: Samples) -> None:
    """Add the rest of the current click."""
    frames = mix.control.click_frames[mix.click.sound]
    samples = carray(as_pointer(mix.control.click_address[mix.click.sound]), (frames,), np.float32)
    gain = np.float32(mix.click.gain)
    for frame in range(min(out.shape[0], mix.click.frames_left)):
        click = samples[frames - mix.click.frames_left] * gain
        mix.click.frames_left -= 1
        for channel in range(2):
            out[frame, channel] = min(
                max(out[frame, channel] + click, -CLICK_CEILING), CLICK_CEILING
            )
