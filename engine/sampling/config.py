"""How a model wants to be sampled."""

from __future__ import annotations

import math
from dataclasses import dataclass

FIRST_LOG_SNR, LAST_LOG_SNR = -6.0, 2.0
SAMPLERS = ("ping_pong", "euler", "euler_log_snr", "v_dpm_3m_sde")
"""The third is Euler's method at ping-pong's times, as Stable Audio samples its flow models; the
last one is for networks of the v objective alone."""


@dataclass(frozen=True, slots=True)
class SamplingConfig:
    """How this model wants to be sampled.

    `first_log_snr` is the logarithm of the ratio of data to noise from which on the times of
    ping-pong fall, after the first one, in even steps towards `last_log_snr`, in whose place 0
    stands: the last time that a network sees lies a step before it. With `follows_recordings` they
    are gone through by Euler's method from a recording on, and as fast as from noise (see
    `steps_at_pace`): ping-pong's fresh noise, step after step, drowns what the recording says.
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
