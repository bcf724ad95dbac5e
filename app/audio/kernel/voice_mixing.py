"""Rendering of voices into the mix: read, filter, apply gain and envelope. The output callback."""

from __future__ import annotations

import numpy as np

from app.audio.kernel.beats import beat_to_frame, find_next_multiple, frame_to_beat
from app.audio.kernel.declick import remove_step
from app.audio.kernel.filters import filter_scratch
from app.audio.kernel.layout import BEATS_PER_BAR
from app.audio.kernel.numba_support import Number, Record, Samples, approach, jit
from app.audio.kernel.resampling import read_sound
from app.audio.kernel.voices import cut_voice, free_voice, get_samples, loops

INAUDIBLE = 1e-5
"""-100 dB: a voice whose decay has reached this ends."""
FADED = 1e-9
"""A fade is over below this, which allows for rounding."""


@jit
def mix_voices(mix: Record, out: Samples, start: int, end: int) -> None:
    """Add every voice to `out[start:end]` of the chunk."""
    for slot in range(mix.control.slots):
        if mix.voices[slot].active == 1:
            mix_voice(mix, mix.voices[slot], out, start, end)


@jit
def mix_voice(mix: Record, voice: Record, out: Samples, start: int, end: int) -> None:
    """Add one voice in segments that end with the chunk, the region, or a locked loop's bar."""
    samples = get_samples(mix, voice)
    speed = mix.pads[voice.pad].speed * voice.note_speed
    while start < end:
        until = min(end, restart_on_bar(mix, voice, start)) if voice.loop_beats > 0.0 else end
        if voice.waits_for_bar == 1:
            if voice.fade_step > 0.0:
                free_voice(mix, voice)
                return
            start = until
            continue
        if is_steady(mix, voice, speed):
            count = add_steady(voice, samples, out, start, until - start)
        else:
            count = read_sound(mix, voice, samples, speed, until - start)
            filter_scratch(mix, voice, count)
            add_shaped(mix, voice, out, start, count)
        voice.age += count
        start += count
        if voice.fade_gain == 0.0 or voice.envelope == 0.0:
            free_voice(mix, voice)
            return
        if voice.position >= voice.end - voice.start:
            if not loops(voice):
                cut_voice(mix, voice, start)
                return
            if voice.loop_beats == 0.0:
                wrap_loop(mix, voice, start)
            elif beat_to_frame(mix, voice.next_beat) - mix.status.frame != start:
                remove_step(mix, start, voice.last_output[0], voice.last_output[1])
                voice.waits_for_bar = 1


@jit
def restart_on_bar(mix: Record, voice: Record, at: int) -> Number:
    """Restart a bar-locked loop if it is due on frame `at` of the chunk; return when it is next."""
    frame = mix.status.frame + at
    if voice.next_beat - frame_to_beat(mix, frame) > voice.loop_beats:
        # The beats were moved back: find the loop's next bar again.
        voice.next_beat = find_next_multiple(mix, frame, BEATS_PER_BAR)
    if beat_to_frame(mix, voice.next_beat) <= frame:
        if voice.waits_for_bar == 1:
            voice.waits_for_bar = 0
            voice.position = 0.0
            voice.declick_start = voice.reverse == 1 or voice.start > 0
        elif voice.position > 0.0:
            whole = voice.position >= voice.end - voice.start
            if not (whole and voice.smooth_seam == 1):
                remove_step(mix, at, voice.last_output[0], voice.last_output[1])
                voice.declick_start = 1
            voice.position = 0.0
        voice.next_beat += voice.loop_beats
        if beat_to_frame(mix, voice.next_beat) <= frame:
            voice.next_beat = find_next_multiple(mix, frame + 1, BEATS_PER_BAR)
    return beat_to_frame(mix, voice.next_beat) - mix.status.frame


@jit
def wrap_loop(mix: Record, voice: Record, at: int) -> None:
    """Start the region over; remove the step at a seam that is not smooth."""
    voice.position %= voice.end - voice.start
    if voice.smooth_seam == 0:
        remove_step(mix, at, voice.last_output[0], voice.last_output[1])
        voice.declick_start = 1


@jit
def is_steady(mix: Record, voice: Record, speed: float) -> Number:
    """Return whether a voice needs only a constant gain: no fade, envelope, filter, resampling."""
    pad = mix.pads[voice.pad]
    unshaped = voice.fade_step == 0.0 and voice.decay == 1.0 and voice.age >= voice.attack_frames
    unfiltered = voice.low_pass + pad.low_pass + voice.high_pass + pad.high_pass == 0.0
    in_place = (
        speed == 1.0 and voice.position == np.floor(voice.position) and voice.declick_start == 0
    )
    resting = True
    for channel in range(2):
        resting = resting and voice.gain[channel] == voice.velocity_gain * pad.gain[channel]
    return unshaped and unfiltered and in_place and resting


@jit
def add_steady(voice: Record, samples: Samples, out: Samples, start: int, limit: int) -> Number:
    """Add up to `limit` frames at a constant gain; return how many."""
    position = np.int64(voice.position)
    count = min(limit, voice.end - voice.start - position)
    left, right = np.float32(voice.gain[0]), np.float32(voice.gain[1])
    first = voice.end - 1 - position if voice.reverse == 1 else voice.start + position
    if voice.reverse == 1:
        for frame in range(count):
            out[start + frame, 0] += samples[first - frame, 0] * left
            out[start + frame, 1] += samples[first - frame, 1] * right
        last = first - (count - 1)
    else:
        for frame in range(count):
            out[start + frame, 0] += samples[first + frame, 0] * left
            out[start + frame, 1] += samples[first + frame, 1] * right
        last = first + (count - 1)
    voice.last_output[0] = samples[last, 0] * left
    voice.last_output[1] = samples[last, 1] * right
    voice.position += count
    return count


@jit
def add_shaped(mix: Record, voice: Record, out: Samples, start: int, count: int) -> None:
    """Add the scratch buffer with gain, envelope and fade updated on every frame."""
    pad = mix.pads[voice.pad]
    smoothing = mix.control.gain_smoothing
    left_target = voice.velocity_gain * pad.gain[0]
    right_target = voice.velocity_gain * pad.gain[1]
    left, right = voice.gain[0], voice.gain[1]
    level, envelope = voice.fade_gain, voice.envelope
    last_left = last_right = np.float32(0.0)
    for frame in range(count):
        left = approach(left, left_target, smoothing)
        right = approach(right, right_target, smoothing)
        age = voice.age + frame
        if age < voice.attack_frames:
            shape = (age + 1) / voice.attack_frames
        else:
            shape = envelope
            envelope = envelope * voice.decay if envelope > INAUDIBLE else 0.0
        # Squared, the fade reaches zero with zero slope.
        shape *= level * level
        level = level - voice.fade_step if level - voice.fade_step > FADED else 0.0
        last_left = mix.scratch[frame, 0] * np.float32(left * shape)
        last_right = mix.scratch[frame, 1] * np.float32(right * shape)
        if frame == 0 and voice.declick_start == 1:
            remove_step(mix, start, -np.float64(last_left), -np.float64(last_right))
        out[start + frame, 0] += last_left
        out[start + frame, 1] += last_right
    voice.declick_start = 0
    voice.gain[0], voice.gain[1] = left, right
    voice.fade_gain, voice.envelope = level, envelope
    voice.last_output[0], voice.last_output[1] = last_left, last_right
