"""Noise on latents in training: its levels, its slowness, and the statistics it is counted in."""

from __future__ import annotations

import pytest
import torch

from engine.models.spectral_codec import SpectralCodec, SpectralCodecConfig
from engine.training.codec.latent_noise import draw_latent_noise, follow_latents


def seeded(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def test_the_level_is_the_root_mean_square_of_what_is_added() -> None:
    noise = draw_latent_noise((64, 400, 32), 0.4, seeded())
    found = noise.added.square().mean((1, 2)).sqrt()
    torch.testing.assert_close(found, noise.levels, rtol=0.15, atol=0.01)
    assert noise.levels.min() >= 0 and noise.levels.max() <= 0.4
    assert noise.levels.max() - noise.levels.min() > 0.3


def test_half_of_the_noise_is_slow_and_half_is_white() -> None:
    added = draw_latent_noise((200, 300, 8), 0.4, seeded()).added
    along = (added[:, 1:] * added[:, :-1]).mean((1, 2)) / added.square().mean((1, 2))
    slow = along > 0.4
    assert 0.35 < slow.float().mean() < 0.65
    assert along[slow].mean().item() == pytest.approx(0.8, abs=0.05)
    assert along[~slow].abs().max() < 0.1


def test_without_noise_nothing_is_added() -> None:
    noise = draw_latent_noise((2, 5, 3), 0.0, seeded())
    assert not noise.added.any() and not noise.levels.any()
    assert noise.unit.std() > 0.5


def test_the_same_seed_draws_the_same_noise() -> None:
    first, second = (draw_latent_noise((2, 5, 3), 0.4, seeded(7)) for _ in range(2))
    assert torch.equal(first.added, second.added)
    assert torch.equal(first.part(slice(1, 2)).added, second.added[1:])


def test_statistics_follow_the_latents() -> None:
    codec = SpectralCodec(SpectralCodecConfig(4, 8, 1, 1, 1, 3))
    for step in range(400):
        drawn = torch.randn((8, 32, 4), generator=seeded(step))
        follow_latents(codec, drawn * torch.tensor([0.5, 1.0, 2.0, 4.0]) + 3)
    torch.testing.assert_close(codec.latent_mean, torch.full((4,), 3.0), atol=0.2, rtol=0)
    expected = torch.tensor([0.5, 1.0, 2.0, 4.0])
    torch.testing.assert_close(codec.latent_deviation, expected, rtol=0.1, atol=0)
