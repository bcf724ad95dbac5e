"""Swapping a pad's sample set: at once, or on a beat while a loop runs. The output callback."""

from __future__ import annotations

from app.audio.kernel.beats import beat_to_frame, find_next_multiple, frame_to_beat
from app.audio.kernel.layout import NEVER, NO_PENDING_SET, NO_SET
from app.audio.kernel.numba_support import Number, Record, jit
from app.audio.kernel.voices import (
    allocate_slot,
    fade,
    loops,
    set_region,
    snap_gain,
    start_voice,
)


@jit
def find_next_swap(mix: Record, at: int) -> Number:
    """Return the frame, after frame `at` of the chunk, on which a pad next swaps its sample set."""
    frame = mix.status.frame + at
    due = NEVER
    for pad in range(mix.control.pads):
        if mix.pads[pad].sample_set != mix.pad_states[pad].active_set:
            due = min(due, max(find_swap_frame(mix, pad, frame), frame + 1))
    return due


@jit
def swap_due_sets(mix: Record, at: int) -> None:
    """Activate the new sample sets that are due; running loops crossfade to them."""
    frame = mix.status.frame + at
    for pad in range(mix.control.pads):
        sample_set = mix.pads[pad].sample_set
        state = mix.pad_states[pad]
        if sample_set == state.active_set:
            continue
        if sample_set != state.pending_set:
            state.pending_set = sample_set
            schedule_swap(mix, pad, frame)
        if find_swap_frame(mix, pad, frame) <= frame:
            state.active_set = sample_set
            state.pending_set = NO_PENDING_SET
            state.turn = 0
            crossfade_loops(mix, pad, at)


@jit
def schedule_swap(mix: Record, pad: int, frame: int) -> None:
    """Choose the beat on which a running loop swaps to its pad's new sample set."""
    beats = mix.pads[pad].swap_beats
    if beats > 0.0:
        mix.pad_states[pad].swap_beat = find_next_multiple(mix, frame, beats)


@jit
def find_swap_frame(mix: Record, pad: int, frame: int) -> Number:
    """Return the frame on which a pad's new sample set is due, at the current tempo."""
    beats = mix.pads[pad].swap_beats
    if beats == 0.0 or not is_looping(mix, pad):
        return frame
    if mix.pad_states[pad].swap_beat - frame_to_beat(mix, frame) > beats:
        # The beats were moved back: find the swap's beat again.
        schedule_swap(mix, pad, frame)
    return beat_to_frame(mix, mix.pad_states[pad].swap_beat)


@jit
def is_looping(mix: Record, pad: int) -> Number:
    """Return whether a loop of the pad is running: only then a new sound waits for its beat."""
    for slot in range(mix.control.slots):
        voice = mix.voices[slot]
        if voice.active == 1 and voice.pad == pad and voice.fade_step == 0.0 and loops(voice):
            return True
    return False


@jit
def crossfade_loops(mix: Record, pad: int, at: int) -> None:
    """Crossfade the pad's loops to the new sound at the same position; one-shots play on."""
    newest = mix.status.voices_started
    for slot in range(mix.control.slots):
        old = mix.voices[slot]
        running = old.active == 1 and old.fade_step == 0.0 and old.order <= newest
        if running and old.pad == pad and loops(old):
            fade(old, mix.control.swap_frames)
            if mix.pad_states[pad].active_set != NO_SET:
                start_replacement(mix, old, at)


@jit
def start_replacement(mix: Record, old: Record, at: int) -> None:
    """Start the pad's new sound at the position of the old one."""
    voice = mix.voices[allocate_slot(mix, at)]
    pad = old.pad
    start_voice(mix, voice, pad, at)
    voice.note = old.note
    voice.note_speed = old.note_speed
    voice.mode = old.mode
    voice.velocity_gain = old.velocity_gain
    voice.sample_set = mix.pad_states[pad].active_set
    voice.layer = min(old.layer, mix.sample_sets[voice.sample_set].layers - 1)
    voice.attack_frames = mix.control.swap_frames
    set_region(mix, voice)
    voice.position = old.position % (voice.end - voice.start)
    voice.loop_beats = old.loop_beats
    voice.next_beat = old.next_beat
    voice.waits_for_bar = old.waits_for_bar
    snap_gain(mix, voice)
