"""From the command ring to the frame each command is due on. The output callback's thread."""

from __future__ import annotations

from app.audio.kernel.beats import beat_at, frame_of_beat, next_multiple
from app.audio.kernel.layout import (
    COMMANDS,
    GATE,
    HIT,
    NOW,
    RELEASE,
    STOP,
    STOP_ALL,
)
from app.audio.kernel.numba_support import Number, Record, compiled, fence
from app.audio.kernel.voices import fade, fade_pad, hit_pad

FAREST = 1 << 62


@compiled
def take_commands(mix: Record) -> None:
    """Move the ring's new commands among the pending ones, which are in order of frame."""
    status = mix.status
    pending = mix.pending
    kept = status.pending_end - status.pending_first
    for index in range(kept):
        copy_command(pending[index], pending[status.pending_first + index])
    status.pending_first = 0
    status.pending_end = kept
    written = mix.control.commands_written
    fence()
    for number in range(status.commands_read, written):
        insert_command(mix, mix.commands[number % COMMANDS])
    fence()
    status.commands_read = written


@compiled
def copy_command(into: Record, command: Record) -> None:
    """Copy one record."""
    into.kind = command.kind
    into.frame = command.frame
    into.pad = command.pad
    into.velocity = command.velocity
    into.note = command.note
    into.transpose = command.transpose


@compiled
def insert_command(mix: Record, command: Record) -> None:
    """Put a command behind all that are due before it or with it."""
    status = mix.status
    pending = mix.pending
    if command.kind == STOP_ALL:
        status.pending_end = 0
    if status.pending_end == COMMANDS:
        status.commands_dropped += 1
        return
    frame = status.frame if command.frame == NOW else command.frame
    place = status.pending_end
    while place > 0 and pending[place - 1].frame > frame:
        copy_command(pending[place], pending[place - 1])
        place -= 1
    copy_command(pending[place], command)
    pending[place].frame = frame
    status.pending_end += 1


@compiled
def next_command(mix: Record) -> Number:
    """The frame the next pending command is due on."""
    if mix.status.pending_first == mix.status.pending_end:
        return FAREST
    return mix.pending[mix.status.pending_first].frame


@compiled
def obey_due_commands(mix: Record, at: int) -> None:
    """Carry out every command that is due on frame `at` of the chunk or was due before."""
    while next_command(mix) <= mix.status.frame + at:
        command = mix.pending[mix.status.pending_first]
        mix.status.pending_first += 1
        if command.kind == HIT:
            hit_pad(mix, command, at)
            copy_command(mix.held[command.pad], command)
        elif command.kind == RELEASE:
            if mix.held[command.pad].note == command.note:
                mix.held[command.pad].kind = RELEASE
            frames = mix.pads[command.pad].release_frames
            fade_pad(mix, command.pad, command.note, GATE, frames)
        elif command.kind == STOP:
            stop_pad(mix, command.pad)
        elif command.kind == STOP_ALL:
            for pad in range(mix.control.pads):
                mix.held[pad].kind = STOP
            for slot in range(mix.control.slots):
                fade(mix.voices[slot], mix.control.stop_frames)


@compiled
def stop_pad(mix: Record, pad: int) -> None:
    """Fade all of a pad's voices."""
    for slot in range(mix.control.slots):
        if mix.voices[slot].active == 1 and mix.voices[slot].pad == pad:
            fade(mix.voices[slot], mix.control.stop_frames)


# --- note repeat ---


@compiled
def next_repeat(mix: Record, at: int) -> Number:
    """The frame, from frame `at` of the chunk on, on which held pads are hit again."""
    if mix.control.repeat_beats == 0.0:
        return FAREST
    frame = mix.status.frame + at
    return frame_of_beat(mix, next_multiple(mix, frame, mix.control.repeat_beats))


@compiled
def repeat_held_pads(mix: Record, at: int) -> None:
    """Hit the held pads again if that is due on frame `at` of the chunk."""
    frame = mix.status.frame + at
    if next_repeat(mix, at) != frame:
        return
    for pad in range(mix.control.pads):
        held = mix.held[pad]
        # A hand a little before the beat meant the beat: its hit is not followed by another one.
        passed = beat_at(mix, frame) - beat_at(mix, held.frame)
        if held.kind == HIT and passed > mix.control.repeat_beats / 2.0:
            hit_pad(mix, held, at)
