"""The kernel's coefficients, computed from times, frequencies and pad parameters. Any thread.

The kernel only multiplies per frame; everything that depends on the sample rate is computed here.
"""

from __future__ import annotations

import math
from typing import Any

from app.audio.kernel import layout
from app.audio.mixer.gain import gain_from_db
from app.audio.mixer.memory import MixerMemory
from app.audio.mixer.pad_parameters import (
    HIGHEST_HZ,
    LAYER_SELECTIONS,
    LOWEST_HZ,
    PAD_MODES,
    PadParameters,
)

LOOK_AHEAD_S = 0.0015
"""The limiter's look-ahead; part of the latency."""
LIMITER_RELEASE_S = 0.08
DC_BLOCKER_HZ = 5.0
GAIN_SMOOTHING_S = 0.01
RETRIGGER_S = 0.003
CHOKE_S = 0.003
STOP_S = 0.005
STEAL_S = 0.010
SWAP_S = 0.020
"""Crossfade of a running loop to its pad's new sound."""
DECLICK_S = 0.0015
"""Time constant of a declick offset's decay."""
HIGHEST_OF_RATE = 0.45
"""Highest cutoff frequency of the filters, as a share of the rate."""
DECAYED = 1e-3
"""-60 dB."""


def write_rate(memory: MixerMemory, rate: int) -> None:
    """Set everything that depends on the rate, except pads; only while no stream runs."""
    control = memory.control
    control["rate"] = rate
    control["limiter_window"] = round(LOOK_AHEAD_S * rate) + 1
    control["gain_smoothing"] = 1.0 - math.exp(-1.0 / (GAIN_SMOOTHING_S * rate))
    control["limiter_release"] = 1.0 - math.exp(-1.0 / (LIMITER_RELEASE_S * rate))
    control["dc_pole"] = math.exp(-2.0 * math.pi * DC_BLOCKER_HZ / rate)
    for name, seconds in (
        ("retrigger_frames", RETRIGGER_S),
        ("choke_frames", CHOKE_S),
        ("stop_frames", STOP_S),
        ("steal_frames", STEAL_S),
        ("swap_frames", SWAP_S),
    ):
        control[name] = round(seconds * rate)
    control["declick_decay"] = math.exp(-1.0 / (DECLICK_S * rate))
    control["open_filter"] = _warp_frequency(HIGHEST_HZ, rate)
    control["closed_filter"] = _warp_frequency(LOWEST_HZ, rate)
    _reset_master_bus(memory)


def _reset_master_bus(memory: MixerMemory) -> None:
    """Reset DC blocker and limiter: their state belongs to another rate."""
    bus = memory.master_bus
    gain = float(bus["gain"])
    memory.clear_master_bus()
    window = int(memory.control["limiter_window"])
    bus["gain"] = gain
    bus["min_gain"] = bus["released_gain"] = 1.0
    bus["needed_gains"][:] = 1.0
    bus["quiet_frames"] = layout.PEAK_TAPS
    bus["gain_steps"][:window] = layout.GAIN_UNIT
    bus["gain_steps_sum"] = window * layout.GAIN_UNIT


def write_pad(row: Any, parameters: PadParameters, rate: int) -> None:  # noqa: ANN401
    """Set a pad's record (kernel.layout.PAD), except its sample set."""
    gain = gain_from_db(parameters.gain_db)
    left = gain * math.cos(max(parameters.pan, 0.0) * math.pi / 2.0)
    right = gain * math.cos(min(parameters.pan, 0.0) * math.pi / 2.0)
    row["mode"] = PAD_MODES.index(parameters.mode)
    row["layer_selection"] = LAYER_SELECTIONS.index(parameters.layers)
    row["choke_group"] = parameters.choke_group
    row["gain"] = (left, right)
    row["velocity_curve"] = parameters.velocity_curve
    row["start"], row["end"] = parameters.start, parameters.end
    row["reverse"] = parameters.reverse
    row["speed"] = 2.0 ** (parameters.tune / 12.0)
    row["attack_frames"] = round(parameters.attack_s * rate)
    decay_frames = parameters.decay_s * rate
    row["decay"] = DECAYED ** (1.0 / decay_frames) if decay_frames else 1.0
    row["release_frames"] = round(parameters.release_s * rate)
    row["loop_beats"] = parameters.loop_bars * layout.BEATS_PER_BAR
    low, high = parameters.low_pass_hz, parameters.high_pass_hz
    row["low_pass"] = _warp_frequency(low, rate) if low < HIGHEST_HZ else 0.0
    row["high_pass"] = _warp_frequency(high, rate) if high > LOWEST_HZ else 0.0


def _warp_frequency(frequency_hz: float, rate: int) -> float:
    """Return tan(pi f / rate), the prewarped frequency that the kernel's filters use."""
    return math.tan(math.pi * min(frequency_hz / rate, HIGHEST_OF_RATE))
