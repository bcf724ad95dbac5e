"""The straight path between data and noise; fixes the time convention. Needs torch.

t = 0 is data, t = 1 is noise; x_t = (1 - t) * data + t * noise and its velocity is noise - data
(rectified flow; "Fast Text-to-Audio Generation with Adversarial Post-Training", equations 1-3).
"""

from __future__ import annotations

import torch
from torch import Tensor


def broadcast_time(time: Tensor, like: Tensor) -> Tensor:
    """Shape times (B,) so that they multiply `like` (B, ...)."""
    return time.reshape(-1, *([1] * (like.dim() - 1)))


def add_noise(data: Tensor, noise: Tensor, time: Tensor) -> Tensor:
    """Return x_t for data and noise (B, ...) at times (B,)."""
    t = broadcast_time(time, data)
    return (1 - t) * data + t * noise


def compute_velocity(data: Tensor, noise: Tensor) -> Tensor:
    """Return the path's velocity, constant in time: the target that the network learns."""
    return noise - data


def compute_velocity_to(data: Tensor, x: Tensor, time: Tensor) -> Tensor:
    """Return the velocity (B, ...) that leads from any x at times (B,) above 0 to the data."""
    return (x - data) / broadcast_time(time, x)


def predict_x0(x: Tensor, time: Tensor, predicted_velocity: Tensor) -> Tensor:
    """Return the x0 prediction, an estimate of the data: x_t - t * v."""
    return x - broadcast_time(time, x) * predicted_velocity


def shift_times(time: Tensor, shift: float) -> Tensor:
    """Move times in 0..1 towards noise: t' = s t / (1 + (s - 1) t).

    As used for longer sequences (Esser et al. 2024, "Scaling Rectified Flow Transformers",
    section 5.3.2).
    """
    return shift * time / (1 + (shift - 1) * time)


def logit_normal_times(count: int, generator: torch.Generator, shift: float = 1.0) -> Tensor:
    """Draw times (count,) in 0..1: sigmoid of a normal, moved towards noise by shift > 1."""
    return shift_times(torch.sigmoid(torch.randn(count, generator=generator)), shift)
