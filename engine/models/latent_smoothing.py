"""An edge-preserving filter over latents against shiver: level that jitters from frame to frame.

A flow model's errors are small in latent space, but audible in the channels of most influence,
level first: 0.1 of a standard deviation is 1.6 dB. A bilateral filter (Tomasi and Manduchi, 1998)
averages neighbours only as far as they are alike, so that attacks stay. Needs torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

NEIGHBOURS = {-2: 0.4, -1: 0.8, 1: 0.8, 2: 0.4}
"""Weights by offset in latents; a latent's own is 1."""


@dataclass(frozen=True, slots=True)
class LatentSmoothing:
    """Which channels are smoothed (none by default), and how similar neighbours must be.

    Similarity is exp(-(d / reach)^2), where d is the root mean square difference of two latents in
    the first `judged` of these channels, in standard deviations.
    """

    channels: tuple[int, ...] = ()
    judged: int = 8
    reach: float = 0.6

    def __post_init__(self) -> None:
        """Refuse channels named twice, and a reach that reaches nothing."""
        if len(set(self.channels)) < len(self.channels) or min(self.channels, default=0) < 0:
            raise ValueError(f"channels must be 0 or more, each once, got {list(self.channels)}")
        if not 1 <= self.judged <= 1024:
            raise ValueError(f"judged must be 1..1024, got {self.judged}")
        if not 0 < self.reach <= 100:
            raise ValueError(f"reach must be above 0, at most 100, got {self.reach}")


def smooth_latents(latents: Tensor, smoothing: LatentSmoothing) -> Tensor:
    """Return latents (B, C, L) with the channels of `smoothing` smoothed along time."""
    if not smoothing.channels or latents.shape[-1] < 3:
        return latents
    chosen = latents[:, list(smoothing.channels)]
    padded = functional.pad(chosen, (2, 2), mode="replicate")
    total, weights = chosen.clone(), torch.ones_like(chosen[:, :1])
    for offset, weight in NEIGHBOURS.items():
        neighbour = padded[..., 2 + offset :][..., : chosen.shape[-1]]
        distance = (neighbour - chosen)[:, : smoothing.judged] / smoothing.reach
        similarity = weight * torch.exp(-distance.square().mean(1, keepdim=True))
        total = total + similarity * neighbour
        weights = weights + similarity
    smoothed = latents.clone()
    smoothed[:, list(smoothing.channels)] = total / weights
    return smoothed
