"""The end of the chain: master gain, DC guard, limiter, meter. The output callback's thread."""

from __future__ import annotations

import numpy as np

from app.audio.kernel.interpolation import between_frames
from app.audio.kernel.layout import PEAK_REACH, PEAK_TAPS, UNIT
from app.audio.kernel.numba_support import Number, Record, Samples, approach, compiled, fence

CEILING = 10.0 ** (-0.3 / 20.0)
"""The limiter lets nothing above -0.3 dBFS pass, between the frames either, as far as four times
oversampling shows: what it misses stays below full scale."""
CEILING_F32 = np.nextafter(np.float32(CEILING), np.float32(0.0))

BETWEEN = between_frames()
QUIET = np.float32(CEILING / np.abs(BETWEEN).sum(axis=1).max())
"""No filter of BETWEEN can make more than the ceiling of frames below this."""

SILENT = 1e-20
"""Below this a filter's memory is set to zero: denormal numbers are slow."""


@compiled
def finish(mix: Record, out: Samples) -> None:
    """Turn the voices' sum into what may leave: smoothed gain, no DC, no overs; meter it."""
    tail = mix.tail
    status = mix.status
    begin_meter(mix)
    delay = mix.control.window + PEAK_REACH
    for frame in range(out.shape[0]):
        tail.gain = approach(tail.gain, mix.control.gain, mix.control.gain_smoothing)
        left = np.float32(high_pass(mix, 0, out[frame, 0] * tail.gain))
        right = np.float32(high_pass(mix, 1, out[frame, 1] * tail.gain))
        tail.index = tail.index + 1 if tail.index + 1 < mix.control.window else 0
        gain = limiter_gain(mix, true_peak(tail, left, right))
        tail.delayed[tail.delay_index, 0] = left
        tail.delayed[tail.delay_index, 1] = right
        tail.delay_index = tail.delay_index + 1 if tail.delay_index + 1 < delay else 0
        out[frame, 0] = clamp(tail.delayed[tail.delay_index, 0] * gain)
        out[frame, 1] = clamp(tail.delayed[tail.delay_index, 1] * gain)
        status.limited += gain < 1.0
        for channel in range(2):
            sample = np.float64(out[frame, channel])
            status.peak[channel] = max(status.peak[channel], abs(sample))
            status.power[channel] += sample * sample
    status.metered += out.shape[0]


@compiled
def begin_meter(mix: Record) -> None:
    """Begin the meter anew when it has been read."""
    status = mix.status
    asked = mix.control.meter_asked
    if asked != status.meter_seen:
        for channel in range(2):
            status.peak[channel] = 0.0
            status.power[channel] = 0.0
        status.metered = 0
        status.limited = 0
        fence()
        status.meter_seen = asked


@compiled
def true_peak(tail: Record, left: Number, right: Number) -> Number:
    """The highest the sound gets from six frames ago to the next frame, between them too.

    Four times oversampled, as ITU-R BS.1770 measures it. Where the last frames are all quiet
    nothing between them can pass the ceiling: then it is not worth looking.
    """
    index = tail.recent_index
    for place in (index, index + PEAK_TAPS):
        tail.recent[place, 0] = left
        tail.recent[place, 1] = right
    index = index + 1 if index + 1 < PEAK_TAPS else 0
    tail.recent_index = index
    loud = max(abs(left), abs(right)) > QUIET
    tail.quiet = 0 if loud else tail.quiet + 1
    if tail.quiet >= PEAK_TAPS:
        return np.float32(0.0)
    highest = np.float32(0.0)
    for channel in range(2):
        highest = max(highest, abs(tail.recent[index + PEAK_TAPS - 1 - PEAK_REACH, channel]))
        for phase in range(3):
            total = np.float32(0.0)
            for tap in range(PEAK_TAPS):
                total += BETWEEN[phase, tap] * tail.recent[index + tap, channel]
            highest = max(highest, abs(total))
    return highest


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
