"""The codec's losses and its beginning as principal components."""

from __future__ import annotations

import pytest
import torch
from tiny_model import noise, sine

from engine.models.spectral_codec import SpectralCodec, SpectralCodecConfig
from engine.models.spectral_features import BINS, LAYOUT, analyse
from engine.training.autoencoder import (
    begin_with_principal_components,
    frequency_weights,
    kl_divergence,
    pitch_loss,
    reconstruction_losses,
)

FRAMES = analyse(torch.cat([sine(220, 0.2), noise(0.2), sine(1000, 0.2)]))


def test_a_perfect_reconstruction_costs_nothing() -> None:
    losses = reconstruction_losses(FRAMES, FRAMES)
    assert {name: loss.item() for name, loss in losses.items()} == dict.fromkeys(losses, 0.0)
    assert pitch_loss(FRAMES, FRAMES).item() == 0


@pytest.mark.parametrize("part", ["magnitude", "deviation", "noise", "envelope"])
def test_each_part_of_a_frame_has_its_own_loss(part: str) -> None:
    made = FRAMES.clone()
    made[..., getattr(LAYOUT, part)] += 0.5
    costly = {name for name, loss in reconstruction_losses(made, FRAMES).items() if loss > 0}
    assert costly == {part}


def test_low_frequencies_weigh_more_and_the_mean_weight_is_one() -> None:
    weights = frequency_weights(BINS)
    assert weights.mean().item() == pytest.approx(1)
    assert (weights[1:] < weights[:-1]).all()


def test_a_unit_normal_has_no_divergence() -> None:
    assert kl_divergence(torch.zeros(2, 3, 8), torch.zeros(2, 3, 8)).item() == 0
    assert kl_divergence(torch.ones(2, 3, 8), torch.zeros(2, 3, 8)).item() == pytest.approx(4)


@torch.no_grad()
def test_the_linear_code_alone_already_resembles_its_frames() -> None:
    torch.manual_seed(0)
    codec = SpectralCodec(SpectralCodecConfig(16, 16, 1, 1, 1, 3))
    flat = FRAMES.flatten(0, 1)
    begin_with_principal_components(codec, flat)
    mean, log_variance = codec.posterior(FRAMES)
    made = codec.frames_from_code(mean)
    assert (made - FRAMES).square().mean() < 0.2 * (flat - flat.mean(0)).square().mean()
    assert log_variance.mean().item() == pytest.approx(-4, abs=0.5)
    assert mean.flatten(0, 1).std(0).mean().item() == pytest.approx(1, abs=0.3)
