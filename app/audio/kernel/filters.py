"""A pad's low-pass and high-pass: state-variable filters, 12 dB/octave. The output callback.

After Zavalishin, "The Art of VA Filter Design" (trapezoidal integrators), in Simper's form, which
is stable under modulation. A filter that is switched on or off glides from or to a frequency at
which it is inaudible.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.audio.kernel.numba_support import DENORMAL, Number, Record, approach, jit

DAMPING = 2.0**0.5
"""Butterworth: maximally flat."""


@jit
def filter_scratch(mix: Record, voice: Record, count: int) -> None:
    """Filter the first `count` frames of the scratch buffer by the voice's pad's filters."""
    pad = mix.pads[voice.pad]
    if voice.low_pass + pad.low_pass > 0.0:
        if voice.low_pass == 0.0:
            voice.low_pass = mix.control.open_filter
            for channel in range(2):
                voice.low_state[2 * channel + 1] = mix.scratch[0, channel]
        target = pad.low_pass if pad.low_pass > 0.0 else mix.control.open_filter
        voice.low_pass = run_filter(mix, voice.low_state, voice.low_pass, target, False, count)
    if voice.high_pass + pad.high_pass > 0.0:
        if voice.high_pass == 0.0:
            voice.high_pass = mix.control.closed_filter
        target = pad.high_pass if pad.high_pass > 0.0 else mix.control.closed_filter
        voice.high_pass = run_filter(mix, voice.high_state, voice.high_pass, target, True, count)


@jit
def run_filter(
    mix: Record,
    state: NDArray[np.float64],
    frequency: float,
    target: float,
    is_high_pass: bool,
    count: int,
) -> Number:
    """Filter in place; return the frequency reached, as tan(pi f / rate)."""
    scratch, smoothing = mix.scratch, mix.control.gain_smoothing
    moved = True
    first = second = third = 0.0
    for frame in range(count):
        if frequency != target or moved:
            moved = frequency != target
            frequency = approach(frequency, target, smoothing)
            first = 1.0 / (1.0 + frequency * (frequency + DAMPING))
            second = frequency * first
            third = frequency * second
        for channel in range(2):
            band_memory, low_memory = state[2 * channel], state[2 * channel + 1]
            sample = np.float64(scratch[frame, channel])
            ahead = sample - low_memory
            band = first * band_memory + second * ahead
            low = low_memory + second * band_memory + third * ahead
            state[2 * channel] = 2.0 * band - band_memory
            state[2 * channel + 1] = 2.0 * low - low_memory
            scratch[frame, channel] = sample - DAMPING * band - low if is_high_pass else low
    for index in range(4):
        if abs(state[index]) < DENORMAL:
            state[index] = 0.0
    return frequency
