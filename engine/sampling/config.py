"""The sampler settings of a model. No torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

FIRST_LOG_SNR, LAST_LOG_SNR = -6.0, 2.0
SAMPLERS = ("ping_pong", "euler", "euler_log_snr", "v_dpm_3m_sde")
"""euler_log_snr is Euler's method at ping-pong's times, as Stable Audio samples its flow models;
v_dpm_3m_sde is for networks of the v objective alone."""


@dataclass(frozen=True, slots=True)
class SamplingConfig:
    """Sampler, guidance scale and schedule of a model.

    Ping-pong's times are evenly spaced in log SNR (data to noise) from `first_log_snr` to
    `last_log_snr`, but the first one is the start time and the last one 0: the network's last call
    is a step before `last_log_snr`. With `follows_recordings` a source is sampled by Euler's method
    at these times, in proportionally fewer steps (see `steps_at_pace`): ping-pong's fresh noise at
    each step would drown the recording.
    """

    sampler: str = "ping_pong"
    guidance: float = 1.0
    shift: float = 1.0
    first_log_snr: float = FIRST_LOG_SNR
    follows_recordings: bool = False
    last_log_snr: float = LAST_LOG_SNR

    def __post_init__(self) -> None:
        """Refuse samplers that do not exist and numbers that no sampler can use."""
        if self.sampler not in SAMPLERS:
            raise ValueError(f"sampler must be one of {', '.join(SAMPLERS)}, got {self.sampler}")
        if not math.isfinite(self.guidance):
            raise ValueError(f"guidance must be a finite number, got {self.guidance}")
        if not -20 <= self.first_log_snr < 0:
            raise ValueError(f"first_log_snr must be -20 to below 0, got {self.first_log_snr}")
        if not 0 < self.last_log_snr <= 20:
            raise ValueError(f"last_log_snr must be above 0 to 20, got {self.last_log_snr}")
        if not 0 < self.shift < math.inf:
            raise ValueError(f"shift must be above 0, got {self.shift}")
