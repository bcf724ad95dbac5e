"""Samplers: from noise, or a noised source, to latents. Needs torch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from engine.sampling.path import add_noise, predict_x0

Velocity = Callable[[Tensor, Tensor], Tensor]
"""Network with its conditioning bound: latents (B, C, L) and times (B,) to velocity (B, C, L)."""
Noise = Callable[[Tensor], Tensor]
"""Draws fresh noise shaped as the given latents."""
OnStep = Callable[[int], None]
"""Called after each step with the number of steps done; raises to stop the sampler."""


def start_at_time(noise: Tensor, source: Tensor | None, start: float) -> Tensor:
    """Return the first sample: noise, or a source's latents mixed with noise to time `start`."""
    if source is None:
        return noise
    return add_noise(source, noise, torch.full((noise.shape[0],), start, device=noise.device))


def ping_pong(
    velocity: Velocity, x: Tensor, times: Tensor, noise: Noise, on_step: OnStep
) -> Tensor:
    """Predict x0, add fresh noise to the next time, and so on.

    "Fast Text-to-Audio Generation with Adversarial Post-Training", section 2.6.
    """
    for i in range(len(times) - 1):
        now = _fill_time(times[i], x)
        x = predict_x0(x, now, velocity(x, now))
        if float(times[i + 1]) > 0:
            x = add_noise(x, noise(x), _fill_time(times[i + 1], x))
        on_step(i + 1)
    return x


def euler(velocity: Velocity, x: Tensor, times: Tensor, on_step: OnStep) -> Tensor:
    """Integrate the flow's ODE by Euler's method."""
    for i in range(len(times) - 1):
        x = x + float(times[i + 1] - times[i]) * velocity(x, _fill_time(times[i], x))
        on_step(i + 1)
    return x


def _fill_time(time: Tensor, x: Tensor) -> Tensor:
    """Return a time for each of a batch, without a copy to the GPU, which no graph may capture."""
    return torch.full((x.shape[0],), float(time), device=x.device)
