"""The straight path between data and noise; fixes the time convention. Engine process.

t = 0 is data, t = 1 is noise; x_t = (1 - t) * data + t * noise and its velocity is noise - data
(rectified flow; "Fast Text-to-Audio Generation with Adversarial Post-Training", equations 1-3).
"""

from __future__ import annotations

import torch
from torch import Tensor


def spread(time: Tensor, like: Tensor) -> Tensor:
    """Shape times (B,) so that they multiply `like` (B, ...)."""
    return time.reshape(-1, *([1] * (like.dim() - 1)))


def noised(data: Tensor, noise: Tensor, time: Tensor) -> Tensor:
    """Return x_t for data and noise (B, ...) at times (B,)."""
    t = spread(time, data)
    return (1 - t) * data + t * noise


def velocity(data: Tensor, noise: Tensor) -> Tensor:
    """Return the path's velocity, the same at every time: what the network learns."""
    return noise - data


def velocity_to(data: Tensor, x: Tensor, time: Tensor) -> Tensor:
    """Return the velocity (B, ...) that leads from any x at times (B,) above 0 to the data."""
    return (x - data) / spread(time, x)


def clean_estimate(x: Tensor, time: Tensor, predicted_velocity: Tensor) -> Tensor:
    """Return the data that x_t and a predicted velocity point at: x_t - t * v."""
    return x - spread(time, x) * predicted_velocity


def shifted(time: Tensor, shift: float) -> Tensor:
    """Move times in 0..1 towards noise: t' = s t / (1 + (s - 1) t).

    As used for longer sequences (Esser et al. 2024, "Scaling Rectified Flow Transformers",
    section 5.3.2).
    """
    return shift * time / (1 + (shift - 1) * time)


def logit_normal_times(count: int, generator: torch.Generator, shift: float = 1.0) -> Tensor:
    """Draw times (count,) in 0..1: sigmoid of a normal, moved towards noise by shift > 1."""
    return shifted(torch.sigmoid(torch.randn(count, generator=generator)), shift)
