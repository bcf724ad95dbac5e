"""Resampling: read a sound at any speed, forwards or backwards. The output callback's thread.

Windowed-sinc interpolation; for a sound that is transposed up, the sinc is stretched so that it
also low-passes against aliasing (Smith, "Digital Audio Resampling Home Page").
`app.audio.kernel.interpolation` designs the filters. soxr and libsamplerate resample streams, and
allocate; here every voice may change its speed on any frame within the callback.
"""

from __future__ import annotations

import math

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from app.audio.kernel.interpolation import LANES, PHASES
from app.audio.kernel.layout import SINC_COUNT
from app.audio.kernel.numba_support import Numba, Number, Record, Samples, intrinsic, jit
from app.audio.kernel.voices import loops

WEIGHT_BYTES, FRAME_BYTES = 4, 8


@jit
def read_sound(mix: Record, voice: Record, samples: Samples, speed: float, limit: int) -> Number:
    """Fill the scratch buffer with up to `limit` frames of the voice's region; return how many."""
    if speed == 1.0 and voice.position == math.floor(voice.position):
        return copy_sound(mix, voice, samples, limit)
    return interpolate_sound(mix, voice, samples, speed, limit)


@jit
def copy_sound(mix: Record, voice: Record, samples: Samples, limit: int) -> Number:
    """Copy frames, for speed 1 at a whole position."""
    position = np.int64(voice.position)
    count = min(limit, voice.end - voice.start - position)
    first = voice.end - 1 - position if voice.reverse == 1 else voice.start + position
    step = -1 if voice.reverse == 1 else 1
    for frame in range(count):
        mix.scratch[frame, 0] = samples[first + step * frame, 0]
        mix.scratch[frame, 1] = samples[first + step * frame, 1]
    voice.position += count
    return count


@jit
def interpolate_sound(
    mix: Record, voice: Record, samples: Samples, speed: float, limit: int
) -> Number:
    """Interpolate between frames, for any speed and position."""
    number = min(max(np.int64(math.ceil(12.0 * math.log2(speed) - 1e-6)), 0), SINC_COUNT - 1)
    taps = mix.control.sinc_taps[number]
    filters = mix.control.sinc_weights + WEIGHT_BYTES * mix.control.sinc_start[number]
    length = voice.end - voice.start
    least, most = find_readable_range(voice, samples)
    sound = mix.sample_sets[voice.sample_set].address[voice.layer]
    position, count = voice.position, 0
    while count < limit and position < length:
        where = voice.end - 1 - position if voice.reverse == 1 else voice.start + position
        whole = math.floor(where)
        phase = (where - whole) * PHASES
        row = np.int64(phase)
        first = np.int64(whole) - (taps // 2 - 1)
        source = sound + FRAME_BYTES * first
        if first < least or first + taps > most:
            gather_frames(mix, voice, samples, first, taps)
            source = address_of(mix.sinc_input)
        share = np.float32(phase - row)
        mix.scratch[count, 0], mix.scratch[count, 1] = sum_weighted(
            source, filters + WEIGHT_BYTES * row * taps, taps, share
        )
        position += speed
        count += 1
    voice.position = position
    return count


@jit
def find_readable_range(voice: Record, samples: Samples) -> tuple[Number, Number]:
    """Return the first frame a filter may read and the end: a loop's region, else the sound."""
    if loops(voice):
        return voice.start, voice.end
    return np.int64(0), samples.shape[0]


@jit
def gather_frames(mix: Record, voice: Record, samples: Samples, first: int, taps: int) -> None:
    """Fill `sinc_input` where a filter reaches past an end: a loop wraps around, any other sound
    is extended by its outermost frame, which adds no step.
    """
    least, most = find_readable_range(voice, samples)
    wraps = loops(voice)
    frame = least + (first - least) % (most - least) if wraps else first
    for tap in range(taps):
        inside = min(max(frame, least), most - 1)
        for channel in range(2):
            mix.sinc_input[tap, channel] = samples[inside, channel]
        frame += 1
        if wraps and frame == most:
            frame = least


@intrinsic
def address_of(typing_context: Numba, array: Numba) -> Numba:
    """Return the address of an array's first item."""

    def generate(context: Numba, builder: Numba, signature: Numba, arguments: Numba) -> Numba:
        return builder.ptrtoint(builder.extract_value(arguments[0], 4), ir.IntType(64))

    return types.int64(array), generate


@intrinsic
def sum_weighted(
    typing_context: Numba, frames: Numba, weights: Numba, taps: Numba, share: Numba
) -> Numba:
    """Return the weighted sum of `taps` stereo frames; the weights are interpolated by `share`
    between one filter and the next.

    `frames` and `weights` are addresses, `taps` is a multiple of 8. Emitted as LLVM IR because the
    compiler does not vectorise the stereo sum by itself: 66 ns per frame instead of 8.
    """

    def generate(context: Numba, builder: Numba, signature: Numba, arguments: Numba) -> Numba:
        number, whole, index = ir.FloatType(), ir.IntType(64), ir.IntType(32)
        one, two = ir.VectorType(number, LANES), ir.VectorType(number, 2 * LANES)
        frames, weights, taps, share = arguments
        frames = builder.inttoptr(frames, number.as_pointer())
        weights = builder.inttoptr(weights, number.as_pointer())

        def pick(vector: Numba, lanes: list[int]) -> Numba:
            places = ir.Constant(ir.VectorType(index, len(lanes)), lanes)
            return builder.shuffle_vector(vector, vector, places)

        def load(pointer: Numba, place: Numba, kind: Numba) -> Numba:
            at = builder.bitcast(builder.gep(pointer, [place]), kind.as_pointer())
            loaded = builder.load(at)
            loaded.align = 4
            return loaded

        def plus_product(value: Numba, left: Numba, right: Numba) -> Numba:
            fuse = ("contract",)
            return builder.fadd(value, builder.fmul(left, right, flags=fuse), flags=fuse)

        shares = builder.insert_element(ir.Constant(one, ir.Undefined), share, index(0))
        shares = pick(shares, [0] * LANES)
        nothing = ir.Constant(two, [0.0] * 2 * LANES)
        total = cgutils.alloca_once_value(builder, nothing)  # type: ignore[no-untyped-call]
        with cgutils.for_range(builder, builder.udiv(taps, whole(LANES))) as loop:
            tap = builder.mul(loop.index, whole(LANES))
            low = load(weights, tap, one)
            high = load(weights, builder.add(tap, taps), one)
            weight = plus_product(low, shares, builder.fsub(high, low))
            both = pick(weight, [lane // 2 for lane in range(2 * LANES)])
            stereo = load(frames, builder.shl(tap, whole(1)), two)
            builder.store(plus_product(builder.load(total), both, stereo), total)
        vector, lanes = builder.load(total), 2 * LANES
        while lanes > 2:
            lanes //= 2
            halves = (pick(vector, [*range(lanes)]), pick(vector, [*range(lanes, 2 * lanes)]))
            vector = builder.fadd(*halves)
        sums = [builder.extract_element(vector, index(channel)) for channel in range(2)]
        return context.make_tuple(builder, signature.return_type, sums)

    returned: Numba = types.UniTuple(types.float32, 2)  # type: ignore[no-untyped-call]
    return returned(types.int64, types.int64, types.int64, types.float32), generate
