"""Times that a sampler visits, from the start time down to 0. Needs torch."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.sampling.config import FIRST_LOG_SNR, LAST_LOG_SNR
from engine.sampling.path import shift_times

LEAST_FALL = 1.0
"""From a start near the data, log SNR still rises by at least this: the times must fall."""


def ping_pong_times(
    steps: int,
    start: float = 1.0,
    first_log_snr: float = FIRST_LOG_SNR,
    last_log_snr: float = LAST_LOG_SNR,
) -> Tensor:
    """Return (steps + 1,) float32 times: even in log signal-to-noise, `start` first, 0 last.

    As the published few-step models are sampled ("Fast Text-to-Audio Generation with Adversarial
    Post-Training", section 2.6, and the settings of stable-audio-open-small).
    """
    _check(steps, start)
    first = math.log((1 - start) / start + 1e-6) if start < 1 else first_log_snr
    last = max(last_log_snr, first + LEAST_FALL)
    times = torch.sigmoid(-torch.linspace(first, last, steps + 1))
    times[0], times[-1] = start, 0.0
    return times


def steps_at_pace(
    steps: int,
    start: float,
    first_log_snr: float = FIRST_LOG_SNR,
    last_log_snr: float = LAST_LOG_SNR,
) -> int:
    """Return how many steps to take from `start`, at least 1, at the pace of `steps` from noise.

    With so many, log SNR rises as much in a step as from noise; more would cost time and change
    little.
    """
    _check(steps, start)
    if start == 1:
        return steps
    left = last_log_snr - max(math.log((1 - start) / start), first_log_snr)
    return max(1, round(steps * left / (last_log_snr - first_log_snr)))


def euler_times(steps: int, start: float = 1.0, shift: float = 1.0) -> Tensor:
    """Return (steps + 1,) even times from `start` to 0, moved towards noise by shift > 1."""
    _check(steps, start)
    even = torch.linspace(1, 0, steps + 1)
    return start * shift_times(even, shift)


def _check(steps: int, start: float) -> None:
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if not 0 < start <= 1:
        raise ValueError(f"the start time must be above 0 and at most 1, got {start}")
