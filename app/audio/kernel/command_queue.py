"""Command queue: runs each command on the frame it is due. The output callback's thread."""

from __future__ import annotations

from app.audio.kernel.beats import beat_to_frame, find_next_multiple, frame_to_beat
from app.audio.kernel.layout import (
    COMMANDS,
    GATE,
    HIT,
    NEVER,
    NOW,
    RELEASE,
    STOP,
    STOP_ALL,
)
from app.audio.kernel.numba_support import Number, Record, fence, jit
from app.audio.kernel.voices import fade, fade_pad, trigger_pad


@jit
def read_commands(mix: Record) -> None:
    """Move new commands from the ring into the pending ones, which are sorted by frame."""
    status = mix.status
    pending = mix.pending
    waiting = status.pending_end - status.pending_start
    for index in range(waiting):
        copy_command(pending[index], pending[status.pending_start + index])
    status.pending_start = 0
    status.pending_end = waiting
    written = mix.control.commands_written
    fence()
    for number in range(status.commands_read, written):
        insert_command(mix, mix.commands[number % COMMANDS])
    fence()
    status.commands_read = written


@jit
def copy_command(into: Record, command: Record) -> None:
    """Copy one record."""
    into.kind = command.kind
    into.frame = command.frame
    into.pad = command.pad
    into.velocity = command.velocity
    into.note = command.note
    into.note_speed = command.note_speed


@jit
def insert_command(mix: Record, command: Record) -> None:
    """Insert a command after all that are due before it or on the same frame."""
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


@jit
def find_next_command(mix: Record) -> Number:
    """Return the frame the next pending command is due on."""
    if mix.status.pending_start == mix.status.pending_end:
        return NEVER
    return mix.pending[mix.status.pending_start].frame


@jit
def run_due_commands(mix: Record, at: int) -> None:
    """Run every command that is due on frame `at` of the chunk or before."""
    while find_next_command(mix) <= mix.status.frame + at:
        command = mix.pending[mix.status.pending_start]
        mix.status.pending_start += 1
        if command.kind == HIT:
            trigger_pad(mix, command, at)
            copy_command(mix.held_hits[command.pad], command)
        elif command.kind == RELEASE:
            if mix.held_hits[command.pad].note == command.note:
                mix.held_hits[command.pad].kind = RELEASE
            frames = mix.pads[command.pad].release_frames
            fade_pad(mix, command.pad, command.note, GATE, frames)
        elif command.kind == STOP:
            stop_pad(mix, command.pad)
        elif command.kind == STOP_ALL:
            for pad in range(mix.control.pads):
                mix.held_hits[pad].kind = STOP
            for slot in range(mix.control.slots):
                fade(mix.voices[slot], mix.control.stop_frames)


@jit
def stop_pad(mix: Record, pad: int) -> None:
    """Fade all of a pad's voices."""
    for slot in range(mix.control.slots):
        if mix.voices[slot].active == 1 and mix.voices[slot].pad == pad:
            fade(mix.voices[slot], mix.control.stop_frames)


# --- note repeat ---


@jit
def find_next_repeat(mix: Record, at: int) -> Number:
    """Return the frame, from frame `at` of the chunk on, on which held pads are hit again."""
    if mix.control.repeat_beats == 0.0:
        return NEVER
    frame = mix.status.frame + at
    return beat_to_frame(mix, find_next_multiple(mix, frame, mix.control.repeat_beats))


@jit
def repeat_held_pads(mix: Record, at: int) -> None:
    """Hit the held pads again if that is due on frame `at` of the chunk."""
    frame = mix.status.frame + at
    if find_next_repeat(mix, at) != frame:
        return
    for pad in range(mix.control.pads):
        held = mix.held_hits[pad]
        # A hit shortly before the beat was meant for the beat: do not repeat it right away.
        passed = frame_to_beat(mix, frame) - frame_to_beat(mix, held.frame)
        if held.kind == HIT and passed > mix.control.repeat_beats / 2.0:
            trigger_pad(mix, held, at)
