"""What PortAudio calls: the output and the input callback. The sound card's threads."""

from __future__ import annotations

import numpy as np
from numba import types

from app.audio.kernel.beats import add_metronome
from app.audio.kernel.capture import keep_input, meter_input
from app.audio.kernel.events import (
    next_command,
    next_repeat,
    obey_due_commands,
    repeat_held_pads,
    take_commands,
)
from app.audio.kernel.layout import CAPTURE, CHUNK, MIX, SHARES
from app.audio.kernel.numba_support import (
    Number,
    Record,
    Samples,
    callback,
    carray,
    compiled,
    fence,
    signed,
    ticks_now,
)
from app.audio.kernel.residue import add_residue
from app.audio.kernel.sounding import mix_voices
from app.audio.kernel.tail import finish
from app.audio.kernel.tape import roll
from app.audio.kernel.timing import note_begin
from app.audio.kernel.voices import next_swap, swap_due_stacks

UNDERFLOW = 4
OVERFLOW = 2


@compiled
def run_block(mix: Record, out: Samples) -> None:
    """Fill one block, a chunk at a time."""
    status = mix.status
    frames = out.shape[0]
    status.blocks_begun += 1
    fence()
    take_commands(mix)
    out[:] = np.float32(0.0)
    start = signed(0)
    while start < frames:
        end = min(start + CHUNK, frames)
        run_chunk(mix, out[start:end])
        start = end
    publish_positions(mix)
    status.block_frames = frames
    fence()
    status.blocks_done += 1


@compiled
def run_chunk(mix: Record, out: Samples) -> None:
    """Fill one chunk, cut at every frame on which something is due."""
    frames = out.shape[0]
    start = signed(0)
    while start < frames:
        swap_due_stacks(mix, start)
        repeat_held_pads(mix, start)
        obey_due_commands(mix, start)
        due = min(next_command(mix), next_swap(mix, start), next_repeat(mix, start + 1))
        end = min(frames, due - mix.status.frame)
        mix_voices(mix, out, start, end)
        start = end
    add_residue(mix, out)
    finish(mix, out)
    roll(mix.tape, mix.status.frame, out)
    add_metronome(mix, out)
    mix.status.frame += frames


@compiled
def publish_positions(mix: Record) -> None:
    """Write where the newest voice of each pad is."""
    for pad in range(mix.control.pads):
        mix.heard[pad].newest = 0
        mix.heard[pad].position = -1
    for slot in range(mix.control.slots):
        voice = mix.voices[slot]
        heard = mix.heard[voice.pad]
        if voice.active == 1 and voice.fall == 0.0 and voice.order > heard.newest:
            heard.newest = voice.order
            place = np.int64(voice.position)
            heard.position = voice.end - 1 - place if voice.reverse == 1 else voice.start + place


@compiled
def count_block(mix: Record, frames: int, flags: int, began: int) -> None:
    """Count the block, its underflow, and how much of the time it lasts it took."""
    status = mix.status
    status.callbacks += 1
    if flags & UNDERFLOW:
        status.underflows += 1
    if began == 0:
        return
    took = ticks_now(mix.control.clock, status.ticks) - began
    status.busy_ticks += took
    asked = mix.control.longest_asked
    if asked != status.longest_seen:
        status.longest_ticks = 0
        fence()
        status.longest_seen = asked
    status.longest_ticks = max(status.longest_ticks, took)
    lasts = frames * mix.control.ticks_per_s / mix.control.rate
    if took > lasts:
        status.late += 1
    share = signed(SHARES - 1) if took >= lasts else np.int64(SHARES * took / lasts)
    status.shares[share] += 1


@callback(MIX)
def output_callback(
    source: int, sink: int, frames: int, times: int, flags: int, memory: Record
) -> Number:
    """PaStreamCallback of the output: interleaved float32 stereo."""
    mix = carray(memory, (1,))[0]
    began = ticks_now(mix.control.clock, mix.status.ticks)
    if began != 0:
        note_begin(mix, began, signed(frames))
    run_block(mix, carray(sink, (signed(frames), 2), np.float32))
    count_block(mix, signed(frames), signed(flags), began)
    return types.int32(0)


@callback(CAPTURE)
def input_callback(
    source: int, sink: int, frames: int, times: int, flags: int, memory: Record
) -> Number:
    """PaStreamCallback of the input: meters, and keeps frames on the tape."""
    capture = carray(memory, (1,))[0]
    skipped = capture.skipped
    shape = (signed(frames), skipped + capture.tape.channels)
    incoming = carray(source, shape, np.float32)[:, skipped:]
    capture.callbacks += 1
    if signed(flags) & OVERFLOW:
        capture.overflows += 1
    meter_input(capture, incoming)
    keep_input(capture, incoming)
    return types.int32(0)
