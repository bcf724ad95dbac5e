"""Voices: how they start, give way to each other and end. The output callback's thread."""

from __future__ import annotations

import math

import numpy as np

from app.audio.kernel.beats import beat_at, frame_of_beat, next_multiple
from app.audio.kernel.layout import (
    BEATS_PER_BAR,
    BY_VELOCITY,
    LOOP,
    NO_STACK,
    NONE_COMING,
    ROUND_ROBIN,
    TOGGLE,
)
from app.audio.kernel.numba_support import Number, Record, Samples, as_pointer, carray, compiled
from app.audio.kernel.residue import take_out

NEVER = 1 << 62
SEAM_FRAMES = 16
STEEPER = 1.5
"""A loop's seam is smooth when its step is at most this much larger than those beside it."""


@compiled
def samples_of(mix: Record, voice: Record) -> Samples:
    """The sound a voice plays."""
    stack = mix.stacks[voice.stack]
    shape = (stack.frames[voice.layer], 2)
    samples: Samples = carray(as_pointer(stack.address[voice.layer]), shape, np.float32)
    return samples


@compiled
def goes_round(voice: Record) -> Number:
    """Whether a voice begins anew at the end of its region."""
    return voice.mode in (LOOP, TOGGLE)


@compiled
def fade(voice: Record, frames: int) -> None:
    """Let a voice end within `frames`; one that already fades never gets slower."""
    voice.fall = max(voice.fall, 1.0 / frames)


@compiled
def fade_pad(mix: Record, pad: int, note: int, mode: int, frames: int) -> Number:
    """Fade a pad's voices of one note and mode; return how many were still held."""
    held = 0
    for slot in range(mix.control.slots):
        voice = mix.voices[slot]
        if voice.active == 1 and voice.pad == pad and voice.note == note and voice.mode == mode:
            held += voice.fall == 0.0
            fade(voice, frames)
    return held


@compiled
def hit_pad(mix: Record, command: Record, at: int) -> None:
    """Start a pad's sound on this frame, or end a toggled one."""
    pad = command.pad
    stack = mix.heard[pad].stack
    if mix.pads[pad].mode == TOGGLE:
        frames = mix.pads[pad].release_frames
        if fade_pad(mix, pad, command.note, mix.pads[pad].mode, frames) > 0:
            return
    if stack == NO_STACK:
        return
    make_way(mix, pad, command.note)
    voice = mix.voices[free_slot(mix, at)]
    begin(mix, voice, pad, at)
    voice.note = command.note
    voice.transpose = command.transpose
    voice.stack = stack
    voice.layer = choose_layer(mix, pad, command.velocity)
    voice.velocity_gain = command.velocity ** mix.pads[pad].velocity_curve
    open_region(mix, voice)
    settle_gain(mix, voice)
    lock_to_bars(mix, voice, at)


@compiled
def lock_to_bars(mix: Record, voice: Record, at: int) -> None:
    """Let a loop with a length in bars wait for the next bar."""
    voice.waiting = 0
    voice.loop_beats = mix.pads[voice.pad].loop_beats if goes_round(voice) else 0.0
    if voice.loop_beats > 0.0:
        voice.next_beat = next_multiple(mix, mix.status.frame + at, BEATS_PER_BAR)
        voice.waiting = 1


@compiled
def make_way(mix: Record, pad: int, note: int) -> None:
    """Fade what a hit cuts: the same note of its pad, and everything of its choke group."""
    group = mix.pads[pad].choke_group
    for slot in range(mix.control.slots):
        voice = mix.voices[slot]
        if voice.active == 1 and voice.pad == pad and voice.note == note:
            fade(voice, mix.control.retrigger_frames)
        elif voice.active == 1 and group != 0 and mix.pads[voice.pad].choke_group == group:
            fade(voice, mix.control.choke_frames)


@compiled
def choose_layer(mix: Record, pad: int, velocity: float) -> Number:
    """Which of the stack's sounds a hit plays: the next in turn, or by its velocity."""
    layers = mix.stacks[mix.heard[pad].stack].layers
    selection = mix.pads[pad].selection
    turn = mix.heard[pad].turn
    mix.heard[pad].turn = turn + 1
    if selection == ROUND_ROBIN:
        return turn % layers
    if selection == BY_VELOCITY:
        return min(np.int64(velocity * layers), layers - 1)
    return 0


@compiled
def begin(mix: Record, voice: Record, pad: int, at: int) -> None:
    """Make a free slot a voice of a pad; its sound and gains are still to be set."""
    mix.status.order += 1
    mix.users[mix.heard[pad].stack] += 1
    voice.active = 1
    voice.pad = pad
    voice.mode = mix.pads[pad].mode
    voice.order = mix.status.order
    voice.age = 0
    voice.position = 0.0
    voice.attack_frames = mix.pads[pad].attack_frames
    voice.decay = mix.pads[pad].decay
    voice.envelope = 1.0
    voice.level = 1.0
    voice.fall = 0.0
    voice.low_pass = mix.pads[pad].low_pass
    voice.high_pass = mix.pads[pad].high_pass
    for index in range(4):
        voice.low_state[index] = 0.0
        voice.high_state[index] = 0.0
    for channel in range(2):
        voice.last[channel] = 0.0


@compiled
def open_region(mix: Record, voice: Record) -> None:
    """Take the pad's region of the voice's sound: at least one frame of it."""
    pad = mix.pads[voice.pad]
    frames = mix.stacks[voice.stack].frames[voice.layer]
    voice.start = min(np.int64(math.floor(pad.start * frames)), frames - 1)
    voice.end = max(np.int64(math.ceil(pad.end * frames)), voice.start + 1)
    voice.reverse = pad.reverse
    # The sound's own beginning is meant as it is, however sudden; any other one is a cut.
    voice.opening = voice.reverse == 1 or voice.start > 0
    voice.smooth_seam = goes_round(voice) and has_smooth_seam(samples_of(mix, voice), voice)


@compiled
def has_smooth_seam(samples: Samples, voice: Record) -> Number:
    """Whether the step from the region's end to its start is no steeper than those beside it."""
    beside = np.float32(0.0)
    reach = min(SEAM_FRAMES, voice.end - voice.start - 1)
    for channel in range(2):
        for frame in range(reach):
            first, last = voice.start + frame, voice.end - 1 - frame
            beside = max(beside, abs(samples[first + 1, channel] - samples[first, channel]))
            beside = max(beside, abs(samples[last, channel] - samples[last - 1, channel]))
    step = np.float32(0.0)
    for channel in range(2):
        step = max(step, abs(samples[voice.start, channel] - samples[voice.end - 1, channel]))
    return reach > 0 and step <= np.float32(STEEPER) * beside


@compiled
def settle_gain(mix: Record, voice: Record) -> None:
    """Let the voice's gain be what is asked for now, without a way there."""
    for channel in range(2):
        voice.gain[channel] = voice.velocity_gain * mix.pads[voice.pad].gain[channel]


@compiled
def free_slot(mix: Record, at: int) -> Number:
    """A slot for a new voice: when all voices sound, the oldest is made to fade out of the way."""
    sounding = 0
    oldest = -1
    oldest_order = NEVER
    for slot in range(mix.control.slots):
        voice = mix.voices[slot]
        if voice.active == 1 and voice.fall == 0.0:
            sounding += 1
            # A loop runs on purpose: it is taken only when there is nothing else to take.
            order = voice.order + (NEVER >> 1) if goes_round(voice) else voice.order
            if order < oldest_order:
                oldest_order = order
                oldest = slot
    if sounding >= mix.control.voices:
        fade(mix.voices[oldest], mix.control.steal_frames)
    quietest = 0
    least = 2.0
    for slot in range(mix.control.slots):
        voice = mix.voices[slot]
        if voice.active == 0:
            return slot
        if voice.fall > 0.0 and voice.level < least:
            least = voice.level
            quietest = slot
    end_voice(mix, mix.voices[quietest], at)
    return quietest


@compiled
def end_voice(mix: Record, voice: Record, at: int) -> None:
    """A voice that still sounds ends before frame `at` of the chunk; the step is taken out."""
    take_out(mix, at, voice.last[0], voice.last[1])
    let_go(mix, voice)


@compiled
def let_go(mix: Record, voice: Record) -> None:
    """A silent voice is over and lets go of its sound."""
    voice.active = 0
    mix.users[voice.stack] -= 1


# --- another sound on the pad ---


@compiled
def next_swap(mix: Record, at: int) -> Number:
    """The frame, after frame `at` of the chunk, on which the next pad plays another stack."""
    frame = mix.status.frame + at
    due = NEVER
    for pad in range(mix.control.pads):
        if mix.pads[pad].stack != mix.heard[pad].stack:
            due = min(due, max(swap_frame(mix, pad, frame), frame + 1))
    return due


@compiled
def swap_due_stacks(mix: Record, at: int) -> None:
    """Let pads play their new stacks that are due; sounds that go round cross over to them."""
    frame = mix.status.frame + at
    for pad in range(mix.control.pads):
        stack = mix.pads[pad].stack
        heard = mix.heard[pad]
        if stack == heard.stack:
            continue
        if stack != heard.coming:
            heard.coming = stack
            await_swap(mix, pad, frame)
        if swap_frame(mix, pad, frame) <= frame:
            heard.stack = stack
            heard.coming = NONE_COMING
            heard.turn = 0
            cross_over(mix, pad, at)


@compiled
def await_swap(mix: Record, pad: int, frame: int) -> None:
    """Choose the beat on which a running loop takes its pad's new stack."""
    beats = mix.pads[pad].swap_beats
    if beats > 0.0:
        mix.heard[pad].swap_beat = next_multiple(mix, frame, beats)


@compiled
def swap_frame(mix: Record, pad: int, frame: int) -> Number:
    """The frame on which a pad's new stack is due, whatever the tempo has become."""
    beats = mix.pads[pad].swap_beats
    if beats == 0.0 or not runs(mix, pad):
        return frame
    if mix.heard[pad].swap_beat - beat_at(mix, frame) > beats:
        # The beats were moved back: the swap finds its beat again.
        await_swap(mix, pad, frame)
    return frame_of_beat(mix, mix.heard[pad].swap_beat)


@compiled
def runs(mix: Record, pad: int) -> Number:
    """Whether a pad's sound goes round now: only then a new one waits for its beat."""
    for slot in range(mix.control.slots):
        voice = mix.voices[slot]
        if voice.active == 1 and voice.pad == pad and voice.fall == 0.0 and goes_round(voice):
            return True
    return False


@compiled
def cross_over(mix: Record, pad: int, at: int) -> None:
    """Fade the pad's loops out and the new sound in at the same place; one-shots play on."""
    newest = mix.status.order
    for slot in range(mix.control.slots):
        old = mix.voices[slot]
        running = old.active == 1 and old.fall == 0.0 and old.order <= newest
        if running and old.pad == pad and goes_round(old):
            fade(old, mix.control.swap_frames)
            if mix.heard[pad].stack != NO_STACK:
                continue_as_new(mix, old, at)


@compiled
def continue_as_new(mix: Record, old: Record, at: int) -> None:
    """Start the pad's new sound where the old one is."""
    voice = mix.voices[free_slot(mix, at)]
    pad = old.pad
    begin(mix, voice, pad, at)
    voice.note = old.note
    voice.transpose = old.transpose
    voice.mode = old.mode
    voice.velocity_gain = old.velocity_gain
    voice.stack = mix.heard[pad].stack
    voice.layer = min(old.layer, mix.stacks[voice.stack].layers - 1)
    voice.attack_frames = mix.control.swap_frames
    open_region(mix, voice)
    voice.position = old.position % (voice.end - voice.start)
    voice.loop_beats = old.loop_beats
    voice.next_beat = old.next_beat
    voice.waiting = old.waiting
    settle_gain(mix, voice)
