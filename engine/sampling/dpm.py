"""DPM-Solver++(3M) SDE for networks of the v objective, as stable-audio-open-1.0 is sampled.

The noise level is its ratio to the data, sigma: x = data + sigma * noise. Lu et al. 2022,
"DPM-Solver++", in the third-order multistep form of k-diffusion, which Stable Audio uses. Our own,
since k-diffusion draws its noise on the way, by torchsde: a seed would mean another sound on each
device, and a CUDA graph could not capture it.
Needs torch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.sampling.samplers import Noise, OnStep, Velocity

LEAST_SIGMA, MOST_SIGMA = 0.3, 500.0
LEAST_FALL = math.e
"""From a start near the data, sigma still falls by at least this factor before the last step."""


def make_sigmas(steps: int, start: float = 1.0) -> Tensor:
    """Return (steps + 1,) float32 ratios of noise to data: even in their logarithm, then 0.

    `start` is the time t of the straight path: there the noise is t / (1 - t) times the data.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if not 0 < start <= 1:
        raise ValueError(f"the start time must be above 0 and at most 1, got {start}")
    most = min(start / (1 - start), MOST_SIGMA) if start < 1 else MOST_SIGMA
    least = min(LEAST_SIGMA, most / LEAST_FALL)
    logarithms = torch.linspace(1, 0, steps) * math.log(most / least) + math.log(least)
    return torch.cat([logarithms.exp(), torch.zeros(1)])


def start_at_sigma(noise: Tensor, source: Tensor | None, sigma: Tensor) -> Tensor:
    """Return the first sample: noise of level sigma, plus a source's latents if there is one."""
    scaled = noise * float(sigma)
    return scaled if source is None else source + scaled


def dpm_3m_sde(
    velocity: Velocity, x: Tensor, sigmas: Tensor, noise: Noise, on_step: OnStep
) -> Tensor:
    """Solve the reverse SDE from `sigmas[0]` to 0 by a third order multistep method."""
    past: list[Tensor] = []
    falls: list[Tensor] = []
    for i in range(len(sigmas) - 1):
        x0 = _predict_x0(velocity, x, sigmas[i])
        if i == len(sigmas) - 2:
            x = x0
        else:
            fall = (sigmas[i] / sigmas[i + 1]).log()
            x = _take_step(x, [x0, *past], [fall, *falls])
            x = x + noise(x) * float(sigmas[i + 1] * (-2 * fall).expm1().neg().sqrt())
            past, falls = [x0, *past][:2], [fall, *falls][:2]
        on_step(i + 1)
    return x


def _predict_x0(velocity: Velocity, x: Tensor, sigma: Tensor) -> Tensor:
    """Return the data that x = data + sigma * noise points at, by a v-objective network.

    The network sees cos(a) * data + sin(a) * noise with tan(a) = sigma, at time 2 a / pi
    (Salimans and Ho 2022, section 4 and appendix D).
    """
    length = float((sigma.square() + 1).sqrt())
    # Filled, not copied from the host: a copy cannot be captured in a CUDA graph.
    time = torch.full((x.shape[0],), float(sigma.atan() / math.pi * 2), device=x.device)
    return x / length**2 - velocity(x / length, time) * (float(sigma) / length)


def _take_step(x: Tensor, x0: list[Tensor], falls: list[Tensor]) -> Tensor:
    """Take a step without its noise; x0 predictions and falls of log sigma, newest first."""
    fall = falls[0]
    whole = 2 * fall
    x = x * float(torch.exp(-whole)) - x0[0] * float((-whole).expm1())
    second = (-whole).expm1() / whole + 1
    if len(x0) == 2:
        return x + (x0[0] - x0[1]) * float(second * fall / falls[1])
    if len(x0) > 2:
        near, far = falls[1] / fall, falls[2] / fall
        slope = (x0[0] - x0[1]) / float(near)
        bend = (slope - (x0[1] - x0[2]) / float(far)) / float(near + far)
        third = second / whole - 0.5
        x = x + (slope + bend * float(near)) * float(second) - bend * float(third)
    return x
