"""From the command ring to the frame each command is due on. The output callback's thread."""

from __future__ import annotations

from app.audio.kernel.machine import Number, Record, compiled, fence
from app.audio.kernel.voices import fade, fade_pad, hit_pad
from app.audio.memory import (
    COMMANDS,
    GATE,
    HIT,
    NOW,
    RELEASE,
    STOP,
    STOP_ALL,
)

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
        elif command.kind == RELEASE:
            frames = mix.pads[command.pad].release_frames
            fade_pad(mix, command.pad, command.note, GATE, frames)
        elif command.kind == STOP:
            stop_pad(mix, command.pad)
        elif command.kind == STOP_ALL:
            for slot in range(mix.control.slots):
                fade(mix.voices[slot], mix.control.stop_frames)


@compiled
def stop_pad(mix: Record, pad: int) -> None:
    """Fade all of a pad's voices."""
    for slot in range(mix.control.slots):
        if mix.voices[slot].active == 1 and mix.voices[slot].pad == pad:
            fade(mix.voices[slot], mix.control.stop_frames)
