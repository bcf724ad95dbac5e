"""A voice's sound into the mix: read, filtered, shaped. The output callback's thread."""

from __future__ import annotations

import numpy as np

from app.audio.kernel.beats import beat_at, frame_of_beat, next_multiple
from app.audio.kernel.filters import filter_room
from app.audio.kernel.layout import BEATS_PER_BAR
from app.audio.kernel.numba_support import Number, Record, Samples, approach, compiled
from app.audio.kernel.reading import read_sound
from app.audio.kernel.residue import take_out
from app.audio.kernel.voices import end_voice, goes_round, let_go, samples_of

INAUDIBLE = 1e-5
"""-100 dB: a sound that decayed to this is over."""
FADED = 1e-9
"""What rounding may leave of a fade that is over."""


@compiled
def mix_voices(mix: Record, out: Samples, start: int, end: int) -> None:
    """Add every voice to `out[start:end]` of the chunk."""
    for slot in range(mix.control.slots):
        if mix.voices[slot].active == 1:
            mix_voice(mix, mix.voices[slot], out, start, end)


@compiled
def mix_voice(mix: Record, voice: Record, out: Samples, start: int, end: int) -> None:
    """Add one voice, run by run: a run ends with the chunk, the region, or a locked loop's bar."""
    samples = samples_of(mix, voice)
    speed = mix.pads[voice.pad].speed * voice.transpose
    while start < end:
        until = min(end, begin_due_bar(mix, voice, start)) if voice.loop_beats > 0.0 else end
        if voice.waiting == 1:
            if voice.fall > 0.0:
                let_go(mix, voice)
                return
            start = until
            continue
        if is_plain(mix, voice, speed):
            count = add_plain(voice, samples, out, start, until - start)
        else:
            count = read_sound(mix, voice, samples, speed, until - start)
            filter_room(mix, voice, count)
            add_shaped(mix, voice, out, start, count)
        voice.age += count
        start += count
        if voice.level == 0.0 or voice.envelope == 0.0:
            let_go(mix, voice)
            return
        if voice.position >= voice.end - voice.start:
            if not goes_round(voice):
                end_voice(mix, voice, start)
                return
            if voice.loop_beats == 0.0:
                turn_round(mix, voice, start)
            elif frame_of_beat(mix, voice.next_beat) - mix.status.frame != start:
                take_out(mix, start, voice.last[0], voice.last[1])
                voice.waiting = 1


@compiled
def begin_due_bar(mix: Record, voice: Record, at: int) -> Number:
    """Begin a locked loop anew if it is due on frame `at` of the chunk; return when it is next."""
    frame = mix.status.frame + at
    if voice.next_beat - beat_at(mix, frame) > voice.loop_beats:
        # The beats were moved back: the loop finds its bar again.
        voice.next_beat = next_multiple(mix, frame, BEATS_PER_BAR)
    if frame_of_beat(mix, voice.next_beat) <= frame:
        if voice.waiting == 1:
            voice.waiting = 0
            voice.position = 0.0
            voice.opening = voice.reverse == 1 or voice.start > 0
        elif voice.position > 0.0:
            whole = voice.position >= voice.end - voice.start
            if not (whole and voice.smooth_seam == 1):
                take_out(mix, at, voice.last[0], voice.last[1])
                voice.opening = 1
            voice.position = 0.0
        voice.next_beat += voice.loop_beats
        if frame_of_beat(mix, voice.next_beat) <= frame:
            voice.next_beat = next_multiple(mix, frame + 1, BEATS_PER_BAR)
    return frame_of_beat(mix, voice.next_beat) - mix.status.frame


@compiled
def turn_round(mix: Record, voice: Record, at: int) -> None:
    """Begin the region anew; a seam that is not smooth is taken out."""
    voice.position %= voice.end - voice.start
    if voice.smooth_seam == 0:
        take_out(mix, at, voice.last[0], voice.last[1])
        voice.opening = 1


@compiled
def is_plain(mix: Record, voice: Record, speed: float) -> Number:
    """Whether a voice needs nothing but a steady gain."""
    pad = mix.pads[voice.pad]
    unshaped = voice.fall == 0.0 and voice.decay == 1.0 and voice.age >= voice.attack_frames
    unfiltered = voice.low_pass + pad.low_pass + voice.high_pass + pad.high_pass == 0.0
    in_place = speed == 1.0 and voice.position == np.floor(voice.position) and voice.opening == 0
    resting = True
    for channel in range(2):
        resting = resting and voice.gain[channel] == voice.velocity_gain * pad.gain[channel]
    return unshaped and unfiltered and in_place and resting


@compiled
def add_plain(voice: Record, samples: Samples, out: Samples, start: int, room: int) -> Number:
    """Add up to `room` frames at the voice's resting gain; return how many."""
    position = np.int64(voice.position)
    count = min(room, voice.end - voice.start - position)
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
    voice.last[0] = samples[last, 0] * left
    voice.last[1] = samples[last, 1] * right
    voice.position += count
    return count


@compiled
def add_shaped(mix: Record, voice: Record, out: Samples, start: int, count: int) -> None:
    """Add the room's frames with gains, envelope and fade moving frame by frame."""
    pad = mix.pads[voice.pad]
    smoothing = mix.control.gain_smoothing
    left_target = voice.velocity_gain * pad.gain[0]
    right_target = voice.velocity_gain * pad.gain[1]
    left, right = voice.gain[0], voice.gain[1]
    level, envelope = voice.level, voice.envelope
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
        # Squared, a fade has no corner where it arrives.
        shape *= level * level
        level = level - voice.fall if level - voice.fall > FADED else 0.0
        last_left = mix.room[frame, 0] * np.float32(left * shape)
        last_right = mix.room[frame, 1] * np.float32(right * shape)
        if frame == 0 and voice.opening == 1:
            take_out(mix, start, -np.float64(last_left), -np.float64(last_right))
        out[start + frame, 0] += last_left
        out[start + frame, 1] += last_right
    voice.opening = 0
    voice.gain[0], voice.gain[1] = left, right
    voice.level, voice.envelope = level, envelope
    voice.last[0], voice.last[1] = last_left, last_right
