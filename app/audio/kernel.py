"""The callbacks that PortAudio calls: mixing and capture, compiled, free of the interpreter lock.

Runs on the sound card's thread. Nothing here locks, allocates, logs or calls Python; it reads and
writes only the memory of `app.audio.memory`. The first import on a machine compiles (some
seconds); later ones read numba's cache. Import it only when sound is to be made.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir
from numba import cfunc, njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from app.audio.memory import (
    CAPTURE,
    COMMANDS,
    GATE,
    HIT,
    LOOP,
    MIX,
    NO_SOUND,
    NOW,
    RELEASE,
    STOP,
    STOP_ALL,
    UNIT,
)

CEILING = 10.0 ** (-0.3 / 20.0)
"""The limiter lets nothing above -0.3 dBFS pass: converters overshoot between samples."""
CEILING_F32 = np.nextafter(np.float32(CEILING), np.float32(0.0))

SILENT = 1e-20
"""Below this a filter's memory is set to zero: denormal numbers are slow."""
UNDERFLOW = 4
OVERFLOW = 2
FAREST = 1 << 62

Record: TypeAlias = Any
"""A record of app.audio.memory: numba knows its fields, Python's type checkers cannot."""
Numba: TypeAlias = Any
"""What numba and llvmlite hand around while they compile."""
Number: TypeAlias = Any
"""A number of the machine: to Python's type checkers neither int nor float."""
Samples: TypeAlias = NDArray[np.float32]

carray: Callable[..., Numba] = numba.carray  # type: ignore[attr-defined]

# CLOCK_MONOTONIC on Linux and the BSDs; CLOCK_UPTIME_RAW is what macOS' perf_counter reads.
CLOCK_NUMBER = 8 if sys.platform == "darwin" else 1
WINDOWS = sys.platform == "win32"

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled(function: _Function) -> _Function:
    """Compile for the callback.

    By numpy's rules a division by zero is infinite, where Python's would raise in the callback.
    """
    return cast("_Function", njit(error_model="numpy", nogil=True)(function))


def native(function: Callable[..., Numba]) -> Callable[..., Numba]:
    """Make a function that writes its own machine code."""
    return cast("Callable[..., Numba]", intrinsic(function))


def callback(memory: np.dtype[Any]) -> Callable[[Callable[..., Number]], Numba]:
    """Compile a PaStreamCallback that works on `memory`, and keep it in numba's cache.

    The memory's whole layout is part of the signature, by which numba finds it in its cache.
    """
    long = types.uint32 if WINDOWS else types.uint64
    record = types.CPointer(numba.from_dtype(memory))  # type: ignore[no-untyped-call]
    arguments = (types.voidptr, types.voidptr, long, types.voidptr, long, record)
    compile_callback: Numba = cfunc(types.int32(*arguments), cache=True, error_model="numpy")
    return cast("Callable[[Callable[..., Number]], Numba]", compile_callback)


@native
def as_pointer(typing_context: Numba, address: Numba) -> Numba:
    """An address held in a number, as a pointer."""

    def generate(context: Numba, builder: Numba, signature: Numba, arguments: Numba) -> Numba:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), generate


@native
def fence(typing_context: Numba) -> Numba:
    """No read or write moves across this: needed on ARM, nearly free on x86."""

    def generate(context: Numba, builder: Numba, signature: Numba, arguments: Numba) -> Numba:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


@native
def read_clock(typing_context: Numba, address: Numba, ticks: Numba) -> Numba:
    """Call the system's clock at `address`; it writes one or two words at `ticks`."""

    def generate(context: Numba, builder: Numba, signature: Numba, arguments: Numba) -> Numba:
        number = ir.IntType(32)
        pointer = builder.extract_value(arguments[1], 4)
        pointer = builder.bitcast(pointer, cgutils.voidptr_t)
        takes = [cgutils.voidptr_t] if WINDOWS else [number, cgutils.voidptr_t]
        function = builder.inttoptr(arguments[0], ir.FunctionType(number, takes).as_pointer())
        builder.call(function, [pointer] if WINDOWS else [number(CLOCK_NUMBER), pointer])
        return context.get_dummy_value()

    return types.void(address, ticks), generate


@compiled
def now_ticks(mix: Record) -> Number:
    """The steady clock now, 0 where there is none."""
    if mix.control.clock == 0:
        return 0
    ticks = mix.status.ticks
    read_clock(mix.control.clock, ticks)
    if WINDOWS:
        return ticks[0]
    return ticks[0] * 1_000_000_000 + ticks[1]


@compiled
def signed(number: int) -> Number:
    """C's unsigned long as an ordinary number: unsigned and signed together become floats."""
    return np.int64(number)


# --- commands: from the ring to their own frame ---


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
def next_frame(mix: Record) -> Number:
    """The frame the next pending command is due on."""
    if mix.status.pending_first == mix.status.pending_end:
        return FAREST
    return mix.pending[mix.status.pending_first].frame


@compiled
def obey_due_commands(mix: Record, frame: int) -> None:
    """Carry out every pending command that is due on `frame` or was due before."""
    while next_frame(mix) <= frame:
        command = mix.pending[mix.status.pending_first]
        mix.status.pending_first += 1
        if command.kind == HIT:
            start_voice(mix, command.pad, command.velocity)
        elif command.kind == RELEASE:
            fade_pad(mix, command.pad, GATE, mix.control.release_frames)
        elif command.kind == STOP:
            fade_pad(mix, command.pad, -1, mix.control.release_frames)
        elif command.kind == STOP_ALL:
            for slot in range(mix.control.slots):
                fade(mix.voices[slot], mix.control.release_frames)


# --- voices ---


@compiled
def fade(voice: Record, frames: int) -> None:
    """Let a voice end within `frames`; one that already fades never gets slower."""
    fall = 1.0 / frames
    voice.fall = max(voice.fall, fall)


@compiled
def fade_pad(mix: Record, pad: int, mode: int, frames: int) -> None:
    """Fade a pad's voices: those of one mode, or of any for mode -1."""
    for slot in range(mix.control.slots):
        voice = mix.voices[slot]
        if voice.active == 1 and voice.pad == pad and (mode in (-1, voice.mode)):
            fade(voice, frames)


@compiled
def start_voice(mix: Record, pad: int, velocity: float) -> None:
    """Start a pad's sound on this frame; what it chokes fades from the same frame on."""
    sound = mix.pads[pad].sound
    if sound == NO_SOUND:
        return
    group = mix.pads[pad].choke_group
    for slot in range(mix.control.slots):
        voice = mix.voices[slot]
        if voice.active == 1 and voice.pad == pad:
            fade(voice, mix.control.retrigger_frames)
        elif voice.active == 1 and group != 0 and mix.pads[voice.pad].choke_group == group:
            fade(voice, mix.control.choke_frames)
    voice = mix.voices[free_slot(mix)]
    mix.status.order += 1
    mix.users[sound] += 1
    voice.active = 1
    voice.pad = pad
    voice.sound = sound
    voice.mode = mix.pads[pad].mode
    voice.position = 0
    voice.order = mix.status.order
    # Squared, as SFZ players do: half the velocity is a quarter of the level, 12 dB down.
    voice.velocity_gain = velocity * velocity
    voice.gain = voice.velocity_gain * mix.pads[pad].gain
    voice.level = 1.0
    voice.fall = 0.0


@compiled
def free_slot(mix: Record) -> Number:
    """A slot for a new voice: when all voices sound, the oldest is made to fade out of the way."""
    sounding = 0
    oldest = -1
    oldest_order = FAREST
    for slot in range(mix.control.slots):
        voice = mix.voices[slot]
        if voice.active == 1 and voice.fall == 0.0:
            sounding += 1
            # A loop runs on purpose: it is taken only when there is nothing else to take.
            order = voice.order + (FAREST >> 1) if voice.mode == LOOP else voice.order
            if order < oldest_order:
                oldest_order = order
                oldest = slot
    if sounding >= mix.control.voices:
        fade(mix.voices[oldest], mix.control.steal_frames)
    quietest = -1
    least = 2.0
    for slot in range(mix.control.slots):
        voice = mix.voices[slot]
        if voice.active == 0:
            return slot
        if voice.fall > 0.0 and voice.level < least:
            least = voice.level
            quietest = slot
    end_voice(mix, mix.voices[quietest])
    return quietest


@compiled
def end_voice(mix: Record, voice: Record) -> None:
    """A voice is over and lets go of its sound."""
    voice.active = 0
    mix.users[voice.sound] -= 1


@compiled
def mix_voices(mix: Record, out: Samples, start: int, end: int) -> None:
    """Add every voice to `out[start:end]`."""
    for slot in range(mix.control.slots):
        if mix.voices[slot].active == 1:
            mix_voice(mix, mix.voices[slot], out, start, end)


@compiled
def mix_voice(mix: Record, voice: Record, out: Samples, start: int, end: int) -> None:
    """Add one voice, run by run: a run ends with the block or with the sound."""
    frames = mix.sounds[voice.sound].frames
    samples = carray(as_pointer(mix.sounds[voice.sound].address), (frames, 2), np.float32)
    while start < end:
        count = min(end - start, frames - voice.position)
        mix_run(mix, voice, samples, out, start, count)
        start += count
        voice.position += count
        if voice.level <= 0.0 or (voice.position == frames and voice.mode != LOOP):
            end_voice(mix, voice)
            return
        if voice.position == frames:
            voice.position = 0


@compiled
def mix_run(
    mix: Record, voice: Record, samples: Samples, out: Samples, start: int, count: int
) -> None:
    """Add `count` frames of a voice; frame by frame only while its level moves."""
    target = voice.velocity_gain * mix.pads[voice.pad].gain
    position = voice.position
    if voice.fall == 0.0 and voice.gain == target:
        gain = np.float32(target)
        for frame in range(count):
            out[start + frame, 0] += samples[position + frame, 0] * gain
            out[start + frame, 1] += samples[position + frame, 1] * gain
        return
    for frame in range(count):
        voice.gain = approach(voice.gain, target, mix.control.gain_smoothing)
        gain = np.float32(voice.gain * voice.level)
        out[start + frame, 0] += samples[position + frame, 0] * gain
        out[start + frame, 1] += samples[position + frame, 1] * gain
        voice.level = max(voice.level - voice.fall, 0.0)


@compiled
def approach(value: float, target: float, share: float) -> Number:
    """One frame of a smooth move; it arrives exactly, so that a resting gain is a constant."""
    step = (target - value) * share
    if abs(target - value) < 1e-5:
        return target
    return value + step


# --- the end of the chain: master gain, DC guard, limiter, meter ---


@compiled
def finish(mix: Record, out: Samples) -> None:
    """Turn the voices' sum into what may leave: smoothed gain, no DC, no overs; meter it."""
    tail = mix.tail
    status = mix.status
    asked = mix.control.meter_asked
    if asked != status.meter_seen:
        status.peak[0] = 0.0
        status.peak[1] = 0.0
        status.limited = 0
        fence()
        status.meter_seen = asked
    for frame in range(out.shape[0]):
        tail.gain = approach(tail.gain, mix.control.gain, mix.control.gain_smoothing)
        left = np.float32(high_pass(mix, 0, out[frame, 0] * tail.gain))
        right = np.float32(high_pass(mix, 1, out[frame, 1] * tail.gain))
        gain = limiter_gain(mix, max(abs(left), abs(right)))
        tail.delayed[tail.index, 0] = left
        tail.delayed[tail.index, 1] = right
        tail.index = tail.index + 1 if tail.index + 1 < mix.control.window else 0
        out[frame, 0] = clamp(tail.delayed[tail.index, 0] * gain)
        out[frame, 1] = clamp(tail.delayed[tail.index, 1] * gain)
        status.limited += gain < 1.0
        status.peak[0] = max(status.peak[0], abs(out[frame, 0]))
        status.peak[1] = max(status.peak[1], abs(out[frame, 1]))


@compiled
def high_pass(mix: Record, channel: int, sample: float) -> Number:
    """One-pole high-pass at 5 Hz: a constant offset would eat headroom and click at every cut."""
    tail = mix.tail
    passed = sample - tail.before[channel] + mix.control.high_pass * tail.passed[channel]
    if abs(passed) < SILENT:
        passed = 0.0
    tail.before[channel] = sample
    tail.passed[channel] = passed
    return passed


@compiled
def limiter_gain(mix: Record, peak: Number) -> Number:
    """The gain for the frame that leaves now, given the peak of the one that enters.

    The least gain any frame in the look-ahead window needs, released slowly, then averaged over
    the window: the average is ready when the peak leaves, and nowhere above what it needs.
    """
    tail = mix.tail
    window = mix.control.window
    needed = CEILING / peak if peak > CEILING else 1.0
    tail.needed[tail.index] = needed
    tail.least_age += 1
    if needed <= tail.least:
        tail.least = needed
        tail.least_age = 0
    elif tail.least_age >= window:
        find_least(tail, window)
    if tail.least - tail.held < 1e-6:
        tail.held = tail.least
    else:
        tail.held += (tail.least - tail.held) * mix.control.limiter_release
    step = np.int64(tail.held * UNIT)
    tail.steps_sum += step - tail.steps[tail.index]
    tail.steps[tail.index] = step
    return tail.steps_sum / (window * UNIT)


@compiled
def find_least(tail: Record, window: int) -> None:
    """Look through the window for the least gain, the newest of equals."""
    tail.least = 2.0
    for age in range(window):
        place = tail.index - age
        if place < 0:
            place += window
        if tail.needed[place] < tail.least:
            tail.least = tail.needed[place]
            tail.least_age = age


@compiled
def clamp(sample: float) -> Number:
    """Rounding may reach one bit above the ceiling; nothing more is left to clamp."""
    return np.float32(min(max(sample, -CEILING_F32), CEILING_F32))


@compiled
def publish_positions(mix: Record) -> None:
    """Write where the newest voice of each pad is."""
    for pad in range(mix.control.pads):
        newest = 0
        position = -1
        for slot in range(mix.control.slots):
            voice = mix.voices[slot]
            sounds = voice.active == 1 and voice.fall == 0.0 and voice.pad == pad
            if sounds and voice.order > newest:
                newest = voice.order
                position = voice.position
        mix.positions[pad] = position


@compiled
def run_block(mix: Record, out: Samples) -> None:
    """Fill one block, cut at every frame on which a command is due."""
    status = mix.status
    frames = out.shape[0]
    status.blocks_begun += 1
    fence()
    take_commands(mix)
    out[:] = np.float32(0.0)
    start = 0
    while start < frames:
        obey_due_commands(mix, status.frame + start)
        end = min(frames, next_frame(mix) - status.frame)
        mix_voices(mix, out, start, end)
        start = end
    finish(mix, out)
    publish_positions(mix)
    status.frame += frames
    status.block_frames = frames
    fence()
    status.blocks_done += 1


@compiled
def count_block(mix: Record, frames: int, flags: int, began: int) -> None:
    """Count the block, its underflow, and whether it took longer than it lasts."""
    status = mix.status
    status.callbacks += 1
    if flags & UNDERFLOW:
        status.underflows += 1
    if began == 0:
        return
    took = now_ticks(mix) - began
    status.busy_ticks += took
    status.longest_ticks = max(status.longest_ticks, took)
    if took * mix.control.rate > frames * mix.control.ticks_per_s:
        status.late += 1


# --- input ---


@compiled
def meter_input(capture: Record, incoming: Samples) -> None:
    """Raise the peak; begin anew when it has been read."""
    asked = capture.meter_asked
    if asked != capture.meter_seen:
        capture.peak = 0.0
        fence()
        capture.meter_seen = asked
    for frame in range(incoming.shape[0]):
        for channel in range(incoming.shape[1]):
            capture.peak = max(capture.peak, abs(incoming[frame, channel]))


@compiled
def keep_input(capture: Record, incoming: Samples) -> None:
    """Copy the block behind the take's last one, as far as there is room."""
    wanted = capture.wanted
    if wanted == 0:
        return
    if wanted != capture.take:
        capture.position = 0
        fence()
        capture.take = wanted
    shape = (capture.capacity, capture.channels)
    kept = carray(as_pointer(capture.samples), shape, np.float32)
    position = capture.position
    count = min(incoming.shape[0], capture.capacity - position)
    for frame in range(count):
        for channel in range(incoming.shape[1]):
            kept[position + frame, channel] = incoming[frame, channel]
    fence()
    capture.position = position + count


# --- what PortAudio calls ---


@callback(MIX)
def output_callback(
    source: int, sink: int, frames: int, times: int, flags: int, memory: Record
) -> Number:
    """PaStreamCallback of the output: interleaved float32 stereo."""
    mix = carray(memory, (1,))[0]
    began = now_ticks(mix)
    mix.status.block_ticks = began
    run_block(mix, carray(sink, (signed(frames), 2), np.float32))
    count_block(mix, signed(frames), signed(flags), began)
    return types.int32(0)


@callback(CAPTURE)
def input_callback(
    source: int, sink: int, frames: int, times: int, flags: int, memory: Record
) -> Number:
    """PaStreamCallback of the input: meters, and copies frames while a take is wanted."""
    capture = carray(memory, (1,))[0]
    incoming = carray(source, (signed(frames), capture.channels), np.float32)
    capture.callbacks += 1
    if signed(flags) & OVERFLOW:
        capture.overflows += 1
    meter_input(capture, incoming)
    keep_input(capture, incoming)
    return types.int32(0)
