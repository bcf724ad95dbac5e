"""Voices: allocation, start, stealing, choking and end. The output callback's thread."""

from __future__ import annotations

import math

import numpy as np

from app.audio.kernel.beats import find_next_multiple
from app.audio.kernel.declick import remove_step
from app.audio.kernel.layout import (
    BEATS_PER_BAR,
    BY_VELOCITY,
    LOOP,
    NEVER,
    NO_SET,
    ROUND_ROBIN,
    TOGGLE,
)
from app.audio.kernel.numba_support import Number, Record, Samples, as_pointer, carray, jit

SEAM_FRAMES = 16
STEEPER = 1.5
"""A loop's seam is smooth when its step is at most this many times as large as those beside it."""


@jit
def get_samples(mix: Record, voice: Record) -> Samples:
    """Return the sound a voice plays."""
    sample_set = mix.sample_sets[voice.sample_set]
    shape = (sample_set.frames[voice.layer], 2)
    samples: Samples = carray(as_pointer(sample_set.address[voice.layer]), shape, np.float32)
    return samples


@jit
def loops(voice: Record) -> Number:
    """Return whether a voice starts over at the end of its region."""
    return voice.mode in (LOOP, TOGGLE)


@jit
def fade(voice: Record, frames: int) -> None:
    """Fade a voice out within `frames`; a fade that is already running never gets slower."""
    voice.fade_step = max(voice.fade_step, 1.0 / frames)


@jit
def fade_pad(mix: Record, pad: int, note: int, mode: int, frames: int) -> Number:
    """Fade a pad's voices of one note and mode; return how many were not fading yet."""
    held = 0
    for slot in range(mix.control.slots):
        voice = mix.voices[slot]
        if voice.active == 1 and voice.pad == pad and voice.note == note and voice.mode == mode:
            held += voice.fade_step == 0.0
            fade(voice, frames)
    return held


@jit
def trigger_pad(mix: Record, command: Record, at: int) -> None:
    """Start a pad's sound on frame `at` of the chunk; in toggle mode, end a running one instead."""
    pad = command.pad
    sample_set = mix.pad_states[pad].active_set
    if mix.pads[pad].mode == TOGGLE:
        frames = mix.pads[pad].release_frames
        if fade_pad(mix, pad, command.note, mix.pads[pad].mode, frames) > 0:
            return
    if sample_set == NO_SET:
        return
    fade_displaced(mix, pad, command.note)
    voice = mix.voices[allocate_slot(mix, at)]
    start_voice(mix, voice, pad, at)
    voice.note = command.note
    voice.note_speed = command.note_speed
    voice.sample_set = sample_set
    voice.layer = choose_layer(mix, pad, command.velocity)
    voice.velocity_gain = command.velocity ** mix.pads[pad].velocity_curve
    set_region(mix, voice)
    snap_gain(mix, voice)
    align_to_bar(mix, voice, at)


@jit
def align_to_bar(mix: Record, voice: Record, at: int) -> None:
    """Let a loop with a length in bars wait for the next bar."""
    voice.waits_for_bar = 0
    voice.loop_beats = mix.pads[voice.pad].loop_beats if loops(voice) else 0.0
    if voice.loop_beats > 0.0:
        voice.next_beat = find_next_multiple(mix, mix.status.frame + at, BEATS_PER_BAR)
        voice.waits_for_bar = 1


@jit
def fade_displaced(mix: Record, pad: int, note: int) -> None:
    """Fade the voices that a hit cuts: the same note of its pad, and all of its choke group."""
    group = mix.pads[pad].choke_group
    for slot in range(mix.control.slots):
        voice = mix.voices[slot]
        if voice.active == 1 and voice.pad == pad and voice.note == note:
            fade(voice, mix.control.retrigger_frames)
        elif voice.active == 1 and group != 0 and mix.pads[voice.pad].choke_group == group:
            fade(voice, mix.control.choke_frames)


@jit
def choose_layer(mix: Record, pad: int, velocity: float) -> Number:
    """Return which of the sample set's sounds a hit plays: the next in turn, or by its velocity."""
    layers = mix.sample_sets[mix.pad_states[pad].active_set].layers
    selection = mix.pads[pad].layer_selection
    turn = mix.pad_states[pad].turn
    mix.pad_states[pad].turn = turn + 1
    if selection == ROUND_ROBIN:
        return turn % layers
    if selection == BY_VELOCITY:
        return min(np.int64(velocity * layers), layers - 1)
    return 0


@jit
def start_voice(mix: Record, voice: Record, pad: int, at: int) -> None:
    """Initialise a slot as a voice of a pad; its sound, region and gain are set afterwards."""
    mix.status.voices_started += 1
    mix.set_users[mix.pad_states[pad].active_set] += 1
    voice.active = 1
    voice.pad = pad
    voice.mode = mix.pads[pad].mode
    voice.order = mix.status.voices_started
    voice.age = 0
    voice.position = 0.0
    voice.attack_frames = mix.pads[pad].attack_frames
    voice.decay = mix.pads[pad].decay
    voice.envelope = 1.0
    voice.fade_gain = 1.0
    voice.fade_step = 0.0
    voice.low_pass = mix.pads[pad].low_pass
    voice.high_pass = mix.pads[pad].high_pass
    for index in range(4):
        voice.low_state[index] = 0.0
        voice.high_state[index] = 0.0
    for channel in range(2):
        voice.last_output[channel] = 0.0


@jit
def set_region(mix: Record, voice: Record) -> None:
    """Set the voice's region from the pad's start and end: at least one frame."""
    pad = mix.pads[voice.pad]
    frames = mix.sample_sets[voice.sample_set].frames[voice.layer]
    voice.start = min(np.int64(math.floor(pad.start * frames)), frames - 1)
    voice.end = max(np.int64(math.ceil(pad.end * frames)), voice.start + 1)
    voice.reverse = pad.reverse
    # The sound's own attack is left as it is, however steep; any other start is a cut.
    voice.declick_start = voice.reverse == 1 or voice.start > 0
    voice.smooth_seam = loops(voice) and has_smooth_seam(get_samples(mix, voice), voice)


@jit
def has_smooth_seam(samples: Samples, voice: Record) -> Number:
    """Return whether the step from region end to start is no steeper than those beside it."""
    beside = np.float32(0.0)
    near = min(SEAM_FRAMES, voice.end - voice.start - 1)
    for channel in range(2):
        for frame in range(near):
            first, last = voice.start + frame, voice.end - 1 - frame
            beside = max(beside, abs(samples[first + 1, channel] - samples[first, channel]))
            beside = max(beside, abs(samples[last, channel] - samples[last - 1, channel]))
    step = np.float32(0.0)
    for channel in range(2):
        step = max(step, abs(samples[voice.start, channel] - samples[voice.end - 1, channel]))
    return near > 0 and step <= np.float32(STEEPER) * beside


@jit
def snap_gain(mix: Record, voice: Record) -> None:
    """Set the voice's gain to its target, without smoothing."""
    for channel in range(2):
        voice.gain[channel] = voice.velocity_gain * mix.pads[voice.pad].gain[channel]


@jit
def allocate_slot(mix: Record, at: int) -> Number:
    """Return a slot for a new voice; when all voices are in use, fade out the oldest."""
    sounding = 0
    oldest = -1
    oldest_order = NEVER
    for slot in range(mix.control.slots):
        voice = mix.voices[slot]
        if voice.active == 1 and voice.fade_step == 0.0:
            sounding += 1
            # Loops are stolen last: the player left them running on purpose.
            order = voice.order + (NEVER >> 1) if loops(voice) else voice.order
            if order < oldest_order:
                oldest_order = order
                oldest = slot
    if sounding >= mix.control.max_voices:
        fade(mix.voices[oldest], mix.control.steal_frames)
    quietest = 0
    least = 2.0
    for slot in range(mix.control.slots):
        voice = mix.voices[slot]
        if voice.active == 0:
            return slot
        if voice.fade_step > 0.0 and voice.fade_gain < least:
            least = voice.fade_gain
            quietest = slot
    cut_voice(mix, mix.voices[quietest], at)
    return quietest


@jit
def cut_voice(mix: Record, voice: Record, at: int) -> None:
    """End a voice abruptly before frame `at` of the chunk, and remove the step."""
    remove_step(mix, at, voice.last_output[0], voice.last_output[1])
    free_voice(mix, voice)


@jit
def free_voice(mix: Record, voice: Record) -> None:
    """Free a silent voice's slot and release its sample set."""
    voice.active = 0
    mix.set_users[voice.sample_set] -= 1
