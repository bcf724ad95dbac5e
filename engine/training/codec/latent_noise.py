"""Noise on latents in codec training, which makes the decoder robust to a flow's errors."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.models.spectral_codec import SpectralCodec

SLOWNESS = 0.8
"""Correlation of slow errors from one latent to the next, 23 ms later."""
UNEVENNESS = 0.5
"""Standard deviation of the channels' log gains (natural logarithm)."""
FOLLOWING = 0.02


@dataclass(frozen=True, slots=True)
class LatentNoise:
    """Noise for a batch of codes: unit normals, and the noise added to latents.

    `unit` is (B, L, C) for the posterior's own deviation; `added` (B, L, C) is in deviations of
    the channels, and `levels` (B,) is its root mean square.
    """

    unit: Tensor
    added: Tensor
    levels: Tensor

    def part(self, share: slice) -> LatentNoise:
        """Return the noise of some items."""
        return LatentNoise(self.unit[share], self.added[share], self.levels[share])


def draw_latent_noise(
    shape: tuple[int, int, int], most: float, random: torch.Generator
) -> LatentNoise:
    """Draw noise of levels 0..most like a flow's errors: half of the items white, half slow.

    Slow noise is a first-order autoregression over time with a random gain for each channel.
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
    """Update the latents' running statistics by means (B, L, C) of a batch."""
    found = means.flatten(0, 1)
    codec.latent_mean.lerp_(found.mean(0), FOLLOWING)
    spread = (found - codec.latent_mean).square().mean(0)
    codec.latent_deviation.copy_(codec.latent_deviation.square().lerp(spread, FOLLOWING).sqrt())
