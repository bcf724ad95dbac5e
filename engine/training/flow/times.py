"""Times at which the flow is trained. Needs torch."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.sampling.path import shifted


def stratified_times(
    count: int, generator: torch.Generator, shift: float, truncation: float = 0.0
) -> Tensor:
    """Draw logit-normal times (count,), one from each equal share of the distribution.

    With a `truncation` so much of its end at the noise is cut off and the rest stretched over
    0..1, so that times near 1 are no longer rare (the released code's truncated distribution,
    there with 0.075).
    """
    quantiles = torch.randperm(count, generator=generator) + torch.rand(count, generator=generator)
    largest = torch.tensor(1 - truncation)
    quantiles = quantiles / count * torch.special.ndtr(torch.logit(largest))
    times = torch.sigmoid(torch.special.ndtri(quantiles.clamp(1e-5, 1 - 1e-5))) / largest
    return shifted(times.clamp_max(1), shift)
