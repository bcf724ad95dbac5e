"""Master bus: gain, DC blocker, true-peak limiter, meter. The output callback's thread.

pedalboard and other effect libraries limit whole buffers, with state and threads of their own; this
limiter runs within the callback, and leaves quiet sound as it is, bit for bit.
"""

from __future__ import annotations

import numpy as np

from app.audio.kernel.interpolation import make_peak_filters
from app.audio.kernel.layout import GAIN_UNIT, PEAK_REACH, PEAK_TAPS
from app.audio.kernel.numba_support import DENORMAL, Number, Record, Samples, approach, fence, jit

CEILING = 10.0 ** (-0.3 / 20.0)
"""-0.3 dBFS, the limiter's true-peak ceiling, as measured by fourfold oversampling: the peaks that
this misses stay below full scale."""
CEILING_F32 = np.nextafter(np.float32(CEILING), np.float32(0.0))

PEAK_FILTERS = make_peak_filters()
QUIET = np.float32(CEILING / np.abs(PEAK_FILTERS).sum(axis=1).max())
"""No filter of PEAK_FILTERS can exceed the ceiling while all frames are below this."""


@jit
def process_master_bus(mix: Record, out: Samples) -> None:
    """Apply gain, DC blocker and limiter to the sum of the voices, and meter the result."""
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
    """Reset the meter if the app has requested it."""
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
    """Return the true peak between the frame six frames ago and the one after it.

    Fourfold oversampling as in ITU-R BS.1770. While all of the last frames are quiet no peak
    between them can exceed the ceiling, so the filters are skipped and 0 is returned.
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
    """Apply a one-pole high-pass at 5 Hz: a DC offset costs headroom and clicks at every cut."""
    bus = mix.master_bus
    blocked = sample - bus.dc_input[channel] + mix.control.dc_pole * bus.dc_output[channel]
    if abs(blocked) < DENORMAL:
        blocked = 0.0
    bus.dc_input[channel] = sample
    bus.dc_output[channel] = blocked
    return blocked


@jit
def compute_limiter_gain(mix: Record, peak: Number) -> Number:
    """Return the gain for the frame that leaves the delay line, given the peak of the one entering.

    The minimum of the gains that the frames in the look-ahead window need, with a slow release,
    averaged over the window: the average has come down by the time the peak leaves.
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
    """Find the lowest gain in the window; of equal ones, the newest."""
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
    """Clamp to the ceiling: after the limiter only rounding can exceed it, by one bit."""
    return np.float32(min(max(sample, -CEILING_F32), CEILING_F32))
