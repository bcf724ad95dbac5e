"""The PortAudio callbacks of output and input. The sound card's threads."""

from __future__ import annotations

import numpy as np
from numba import types

from app.audio.kernel.beats import add_metronome
from app.audio.kernel.block_timing import track_block_start
from app.audio.kernel.capture import capture_input, meter_input
from app.audio.kernel.command_queue import (
    find_next_command,
    find_next_repeat,
    read_commands,
    repeat_held_pads,
    run_due_commands,
)
from app.audio.kernel.declick import add_declick
from app.audio.kernel.layout import BUSY_BINS, CAPTURE, CHUNK, MIX
from app.audio.kernel.master_bus import process_master_bus
from app.audio.kernel.numba_support import (
    Number,
    Record,
    Samples,
    carray,
    fence,
    jit,
    portaudio_callback,
    read_ticks,
    to_int64,
)
from app.audio.kernel.ring_buffer import write_ring
from app.audio.kernel.sample_swap import find_next_swap, swap_due_sets
from app.audio.kernel.voice_mixing import mix_voices

UNDERFLOW = 4
OVERFLOW = 2


@jit
def run_block(mix: Record, out: Samples) -> None:
    """Fill one block, a chunk at a time."""
    status = mix.status
    frames = out.shape[0]
    status.blocks_begun += 1
    fence()
    read_commands(mix)
    out[:] = np.float32(0.0)
    start = to_int64(0)
    while start < frames:
        end = min(start + CHUNK, frames)
        run_chunk(mix, out[start:end])
        start = end
    publish_positions(mix)
    status.block_frames = frames
    fence()
    status.blocks_done += 1


@jit
def run_chunk(mix: Record, out: Samples) -> None:
    """Fill one chunk, split at every frame on which a command, swap or repeat is due."""
    frames = out.shape[0]
    start = to_int64(0)
    while start < frames:
        swap_due_sets(mix, start)
        repeat_held_pads(mix, start)
        run_due_commands(mix, start)
        due = min(find_next_command(mix), find_next_swap(mix, start))
        due = min(due, find_next_repeat(mix, start + 1))
        end = min(frames, due - mix.status.frame)
        mix_voices(mix, out, start, end)
        start = end
    add_declick(mix, out)
    process_master_bus(mix, out)
    write_ring(mix.output_ring, mix.status.frame, out)
    add_metronome(mix, out)
    mix.status.frame += frames


@jit
def publish_positions(mix: Record) -> None:
    """Publish the position of each pad's newest voice."""
    for pad in range(mix.control.pads):
        mix.pad_states[pad].newest = 0
        mix.pad_states[pad].position = -1
    for slot in range(mix.control.slots):
        voice = mix.voices[slot]
        state = mix.pad_states[voice.pad]
        if voice.active == 1 and voice.fade_step == 0.0 and voice.order > state.newest:
            state.newest = voice.order
            place = np.int64(voice.position)
            state.position = voice.end - 1 - place if voice.reverse == 1 else voice.start + place


@jit
def count_block(mix: Record, frames: int, flags: int, began: int) -> None:
    """Count the block and its underflow; measure how much of its duration the callback took."""
    status = mix.status
    status.callbacks += 1
    if flags & UNDERFLOW:
        status.underflows += 1
    if began == 0:
        return
    took = read_ticks(mix.control.clock, status.clock_result) - began
    status.busy_ticks += took
    asked = mix.control.longest_resets_requested
    if asked != status.longest_resets_done:
        status.longest_ticks = 0
        fence()
        status.longest_resets_done = asked
    status.longest_ticks = max(status.longest_ticks, took)
    lasts = frames * mix.control.ticks_per_s / mix.control.rate
    if took > lasts:
        status.late += 1
    bin_ = to_int64(BUSY_BINS - 1) if took >= lasts else np.int64(BUSY_BINS * took / lasts)
    status.busy_histogram[bin_] += 1


@portaudio_callback(MIX)
def output_callback(
    source: int, sink: int, frames: int, times: int, flags: int, memory: Record
) -> Number:
    """PaStreamCallback of the output: interleaved float32 stereo."""
    mix = carray(memory, (1,))[0]
    began = read_ticks(mix.control.clock, mix.status.clock_result)
    if began != 0:
        track_block_start(mix, began, to_int64(frames))
    run_block(mix, carray(sink, (to_int64(frames), 2), np.float32))
    count_block(mix, to_int64(frames), to_int64(flags), began)
    return types.int32(0)


@portaudio_callback(CAPTURE)
def input_callback(
    source: int, sink: int, frames: int, times: int, flags: int, memory: Record
) -> Number:
    """PaStreamCallback of the input: meter the block and write it into the ring buffer."""
    capture = carray(memory, (1,))[0]
    skipped = capture.skipped
    shape = (to_int64(frames), skipped + capture.ring.channels)
    incoming = carray(source, shape, np.float32)[:, skipped:]
    capture.callbacks += 1
    if to_int64(flags) & OVERFLOW:
        capture.overflows += 1
    meter_input(capture, incoming)
    capture_input(capture, incoming)
    return types.int32(0)
