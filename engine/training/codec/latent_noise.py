"""Noise that latents get while the codec trains, so that the decoder forgives a flow's errors."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.models.spectral_codec import SpectralCodec

SLOWNESS = 0.8
"""How much of a slow error stays until the next latent: 23 ms."""
UNEVENNESS = 0.5
"""How far channels' errors lie apart, in natural logarithms."""
FOLLOWING = 0.02


@dataclass(frozen=True, slots=True)
class LatentNoise:
    """Noise for a batch of codes, unit normals and what is added to latents.

    `unit` is (B, L, C) for the posterior's own deviation; `added` (B, L, C) counts in deviations of
    the channels, and `levels` (B,) is its root mean square.
    """

    unit: Tensor
    added: Tensor
    levels: Tensor

    def part(self, share: slice) -> LatentNoise:
        """Return some items'."""
        return LatentNoise(self.unit[share], self.added[share], self.levels[share])


def draw_latent_noise(
    shape: tuple[int, int, int], most: float, random: torch.Generator
) -> LatentNoise:
    """Draw noise of levels 0..most as a flow errs: half of it white, half slow and uneven.

    Slow is a first-order autoregression over time, uneven a gain for each channel.
    """
    device = random.device
    unit = torch.randn(shape, generator=random, device=device)
    if not most:
        return LatentNoise(unit, torch.zeros_like(unit), unit.new_zeros(shape[0]))
    levels = most * torch.rand(shape[0], generator=random, device=device)
    white = torch.randn(shape, generator=random, device=device)
    slow = white.clone()
    for step in range(1, shape[1]):
        slow[:, step] = SLOWNESS * slow[:, step - 1] + (1 - SLOWNESS**2) ** 0.5 * white[:, step]
    gains = torch.exp(
        UNEVENNESS * torch.randn((shape[0], 1, shape[2]), generator=random, device=device)
    )
    slow = slow * gains / gains.square().mean(-1, keepdim=True).sqrt()
    is_slow = torch.rand((shape[0], 1, 1), generator=random, device=device) < 0.5
    added = torch.where(is_slow, slow, white) * levels[:, None, None]
    return LatentNoise(unit, added, levels)


@torch.no_grad()
def follow_latents(codec: SpectralCodec, means: Tensor) -> None:
    """Let the latents' statistics follow means (B, L, C) of the batches of some hundred steps."""
    found = means.flatten(0, 1)
    codec.latent_mean.lerp_(found.mean(0), FOLLOWING)
    spread = (found - codec.latent_mean).square().mean(0)
    codec.latent_deviation.copy_(codec.latent_deviation.square().lerp(spread, FOLLOWING).sqrt())
