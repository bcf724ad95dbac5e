"""Distributions of training times of the flow. Needs torch."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.sampling.path import shift_times

EVEN_LOG_SNR = (-5.0, 4.5)
"""Beyond the first and the last time of a sampler."""
MEAN_LOG_SNR, LOG_SNR_DEVIATION = -2.0, 1.2


def stratified_times(
    count: int, generator: torch.Generator, shift: float, truncation: float = 0.0
) -> Tensor:
    """Draw logit-normal times (count,), one from each equal share of the distribution.

    With a `truncation` times above 1 - truncation are cut off and the rest is stretched to 0..1, so
    that times near 1 are no longer rare (the released code's truncated distribution, there with
    0.075).
    """
    quantiles = torch.randperm(count, generator=generator) + torch.rand(count, generator=generator)
    largest = torch.tensor(1 - truncation)
    quantiles = quantiles / count * torch.special.ndtr(torch.logit(largest))
    times = torch.sigmoid(torch.special.ndtri(quantiles.clamp(1e-5, 1 - 1e-5))) / largest
    return shift_times(times.clamp_max(1), shift)


def even_log_snr_times(count: int, generator: torch.Generator, even_share: float) -> Tensor:
    """Draw times (count,): a share of them uniform in log SNR, the others near the noise.

    Pitch is decided near the noise, where the others lie (log SNR of -2 on average), but attack,
    decay and level where hardly any noise is left. Times are stratified as in `stratified_times`.
    """
    quantiles = torch.randperm(count, generator=generator) + torch.rand(count, generator=generator)
    quantiles = quantiles / count
    is_even = quantiles < even_share
    first, last = EVEN_LOG_SNR
    even = first + (last - first) * quantiles / max(even_share, 1e-6)
    rest = ((quantiles - even_share) / max(1 - even_share, 1e-6)).clamp(1e-5, 1 - 1e-5)
    near_noise = MEAN_LOG_SNR + LOG_SNR_DEVIATION * torch.special.ndtri(rest)
    return torch.sigmoid(-torch.where(is_even, even, near_noise))
