"""Output levels and callback statistics, as the callback measured them. Any thread."""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.audio.mixer.memory import MixerMemory


@dataclass(frozen=True, slots=True)
class Meter:
    """Output levels since the last call (linear, 1 is full scale): peak, RMS, and whether the
    limiter reduced the gain.
    """

    peak_left: float
    peak_right: float
    limiting: bool
    rms_left: float = 0.0
    rms_right: float = 0.0


@dataclass(frozen=True, slots=True)
class Counts:
    """Callback statistics since the mixer was created.

    `late` callbacks took longer than their own block lasts; `longest_ms`, since `forget_longest`,
    and `busy_s` are the time spent inside them (0 where the system has no clock the callback may
    read).
    """

    callbacks: int
    underflows: int
    late: int
    dropped_commands: int
    frame: int
    longest_ms: float
    busy_s: float


def read_meter(memory: MixerMemory) -> Meter:
    """Return the levels and request a reset; silence while the last reset is pending."""
    status, control = memory.status, memory.control
    if int(status["meter_resets_done"]) != int(control["meter_resets_requested"]):
        return Meter(0.0, 0.0, False)
    left, right = (float(peak) for peak in status["peak"])
    frames = max(int(status["metered_frames"]), 1)
    rms_left, rms_right = (math.sqrt(float(power) / frames) for power in status["power"])
    meter = Meter(left, right, int(status["limited_frames"]) > 0, rms_left, rms_right)
    control["meter_resets_requested"] += 1
    return meter


def read_counts(memory: MixerMemory, dropped: int) -> Counts:
    """Return the callback's counts; `dropped` commands never reached the ring."""
    status, control = memory.status, memory.control
    per_s = int(control["ticks_per_s"])
    reset = int(status["longest_resets_done"]) == int(control["longest_resets_requested"])
    return Counts(
        callbacks=int(status["callbacks"]),
        underflows=int(status["underflows"]),
        late=int(status["late"]),
        dropped_commands=dropped + int(status["commands_dropped"]),
        frame=int(status["frame"]),
        longest_ms=int(status["longest_ticks"]) * 1000.0 / per_s if reset else 0.0,
        busy_s=int(status["busy_ticks"]) / per_s,
    )
