"""Master bus: gain, DC blocker, true-peak limiter, meter. The output callback's thread.

pedalboard and other effect libraries limit whole buffers, with state and threads of their own; this
limiter runs within the callback, and leaves quiet sound as it is, bit for bit.
"""

from __future__ import annotations

import numpy as np

from app.audio.kernel.interpolation import make_peak_filters
from app.audio.kernel.layout import GAIN_UNIT, PEAK_REACH, PEAK_TAPS
from app.audio.kernel.numba_support import Number, Record, Samples, approach, fence, jit

CEILING = 10.0 ** (-0.3 / 20.0)
"""The limiter lets nothing above -0.3 dBFS pass, between the frames either, as far as four times
oversampling shows: what it misses stays below full scale."""
CEILING_F32 = np.nextafter(np.float32(CEILING), np.float32(0.0))

PEAK_FILTERS = make_peak_filters()
QUIET = np.float32(CEILING / np.abs(PEAK_FILTERS).sum(axis=1).max())
"""No filter of PEAK_FILTERS can make more than the ceiling of frames below this."""

SILENT = 1e-20
"""Below this a filter's memory is set to zero: denormal numbers are slow."""


@jit
def process_master_bus(mix: Record, out: Samples) -> None:
    """Turn the voices' sum into what may leave: smoothed gain, no DC, no overs; meter it."""
    bus = mix.master_bus
    status = mix.status
    reset_meter_on_request(mix)
    window = mix.control.limiter_window
    delay = window + PEAK_REACH
    for frame in range(out.shape[0]):
        bus.gain = approach(bus.gain, mix.control.master_gain, mix.control.gain_smoothing)
        left = np.float32(block_dc(mix, 0, out[frame, 0] * bus.gain))
        right = np.float32(block_dc(mix, 1, out[frame, 1] * bus.gain))
        bus.window_index = bus.window_index + 1 if bus.window_index + 1 < window else 0
        gain = compute_limiter_gain(mix, measure_true_peak(bus, left, right))
        bus.delay_line[bus.delay_index, 0] = left
        bus.delay_line[bus.delay_index, 1] = right
        bus.delay_index = bus.delay_index + 1 if bus.delay_index + 1 < delay else 0
        out[frame, 0] = clamp(bus.delay_line[bus.delay_index, 0] * gain)
        out[frame, 1] = clamp(bus.delay_line[bus.delay_index, 1] * gain)
        status.limited_frames += gain < 1.0
        for channel in range(2):
            sample = np.float64(out[frame, channel])
            status.peak[channel] = max(status.peak[channel], abs(sample))
            status.power[channel] += sample * sample
    status.metered_frames += out.shape[0]


@jit
def reset_meter_on_request(mix: Record) -> None:
    """Reset the meter when it has been read."""
    status = mix.status
    asked = mix.control.meter_resets_requested
    if asked != status.meter_resets_done:
        for channel in range(2):
            status.peak[channel] = 0.0
            status.power[channel] = 0.0
        status.metered_frames = 0
        status.limited_frames = 0
        fence()
        status.meter_resets_done = asked


@jit
def measure_true_peak(bus: Record, left: Number, right: Number) -> Number:
    """Return the highest the sound gets from six frames ago to the next frame, between them too.

    Four times oversampled, as ITU-R BS.1770 measures it. Where the last frames are all quiet
    nothing between them can pass the ceiling: then it is not worth looking.
    """
    index = bus.history_index
    for place in (index, index + PEAK_TAPS):
        bus.history[place, 0] = left
        bus.history[place, 1] = right
    index = index + 1 if index + 1 < PEAK_TAPS else 0
    bus.history_index = index
    loud = max(abs(left), abs(right)) > QUIET
    bus.quiet_frames = 0 if loud else bus.quiet_frames + 1
    if bus.quiet_frames >= PEAK_TAPS:
        return np.float32(0.0)
    highest = np.float32(0.0)
    for channel in range(2):
        highest = max(highest, abs(bus.history[index + PEAK_TAPS - 1 - PEAK_REACH, channel]))
        for phase in range(3):
            total = np.float32(0.0)
            for tap in range(PEAK_TAPS):
                total += PEAK_FILTERS[phase, tap] * bus.history[index + tap, channel]
            highest = max(highest, abs(total))
    return highest


@jit
def block_dc(mix: Record, channel: int, sample: float) -> Number:
    """One-pole high-pass at 5 Hz: a constant offset would eat headroom and click at every cut."""
    bus = mix.master_bus
    blocked = sample - bus.dc_input[channel] + mix.control.dc_pole * bus.dc_output[channel]
    if abs(blocked) < SILENT:
        blocked = 0.0
    bus.dc_input[channel] = sample
    bus.dc_output[channel] = blocked
    return blocked


@jit
def compute_limiter_gain(mix: Record, peak: Number) -> Number:
    """Return the gain for the frame that leaves now, given the peak of the one that enters.

    The least gain any frame in the look-ahead window needs, released slowly, then averaged over
    the window: the average is ready when the peak leaves, and nowhere above what it needs.
    """
    bus = mix.master_bus
    window = mix.control.limiter_window
    needed = CEILING / peak if peak > CEILING else 1.0
    bus.needed_gains[bus.window_index] = needed
    bus.min_gain_age += 1
    if needed <= bus.min_gain:
        bus.min_gain = needed
        bus.min_gain_age = 0
    elif bus.min_gain_age >= window:
        find_min_gain(bus, window)
    if bus.min_gain - bus.released_gain < 1e-6:
        bus.released_gain = bus.min_gain
    else:
        bus.released_gain += (bus.min_gain - bus.released_gain) * mix.control.limiter_release
    step = np.int64(bus.released_gain * GAIN_UNIT)
    bus.gain_steps_sum += step - bus.gain_steps[bus.window_index]
    bus.gain_steps[bus.window_index] = step
    return bus.gain_steps_sum / (window * GAIN_UNIT)


@jit
def find_min_gain(bus: Record, window: int) -> None:
    """Look through the window for the least gain, the newest of equals."""
    bus.min_gain = 2.0
    for age in range(window):
        place = bus.window_index - age
        if place < 0:
            place += window
        if bus.needed_gains[place] < bus.min_gain:
            bus.min_gain = bus.needed_gains[place]
            bus.min_gain_age = age


@jit
def clamp(sample: float) -> Number:
    """Rounding may reach one bit above the ceiling; nothing more is left to clamp."""
    return np.float32(min(max(sample, -CEILING_F32), CEILING_F32))
