"""Granular synthesis and random modulation, for textures. Training process."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor

from engine.corpus.synthesis.filters import fast_length
from engine.corpus.synthesis.patch import TAU, Patch


def scatter(grains: Tensor, starts: Tensor, frames: int, rate: int) -> Tensor:
    """Add grains (B, N, L) into silence (B, frames) at `starts` (B, N) seconds; cut at the end."""
    size, count, length = grains.shape
    place = (starts * rate).round().long().unsqueeze(-1)
    index = place + torch.arange(length, device=grains.device)
    line = torch.arange(size, device=grains.device).view(-1, 1, 1) * (frames + length)
    index = index.clamp(max=frames + length - 1) + line
    total = torch.zeros(size * (frames + length), device=grains.device)
    total.index_add_(0, index.expand(size, count, length).reshape(-1), grains.reshape(-1))
    return total.view(size, frames + length)[:, :frames]


def wander(patch: Patch, hertz: float, waves: int = 5) -> Tensor:
    """A smooth random curve of unit variance that turns about `hertz` times a second: (B, T)."""
    time = patch.time()
    total = torch.zeros(patch.size, patch.frames, device=patch.device)
    for _ in range(waves):
        total += torch.sin(TAU * (patch.uniform(0.3, 1.7) * hertz * time + patch.uniform(0, 1)))
    return total * sqrt(2 / waves)


def coloured_noise(patch: Patch, slope_db: float, channels: int = 1) -> Tensor:
    """Noise of unit variance whose spectrum falls by `slope_db` per octave: 3 pink, 6 brown."""
    length = fast_length(patch.frames)
    bins = torch.fft.rfft(patch.noise(channels, length))
    hertz = torch.arange(bins.shape[-1], device=patch.device) * (patch.rate / length)
    bins = bins * (hertz.clamp(min=30.0) / 1000.0) ** (-slope_db / 6.02) * (hertz > 15)
    sound: Tensor = torch.fft.irfft(bins, n=length)[..., : patch.frames]
    axes = (-1,) if channels == 1 else (1, 2)
    level: Tensor = sound.square().mean(axes, keepdim=True)
    return sound / level.sqrt().clamp(min=1e-6)
