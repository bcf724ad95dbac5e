"""The filter over latents: jitter goes, attacks stay, and nothing happens where none is asked."""

from __future__ import annotations

import pytest
import torch

from engine.models.latent_smoothing import LatentSmoothing, smooth_latents

SIXTEEN = LatentSmoothing(tuple(range(16)))


def jittering(level: float = 0.2, size: int = 64) -> torch.Tensor:
    return level * torch.randn((1, 24, size), generator=torch.Generator().manual_seed(0))


def test_jitter_is_more_than_halved_and_other_channels_stay() -> None:
    latents = jittering()
    smoothed = smooth_latents(latents, SIXTEEN)
    assert smoothed[:, :16].std() < 0.6 * latents[:, :16].std()
    assert torch.equal(smoothed[:, 16:], latents[:, 16:])


def test_an_attack_stays_where_it_is_and_as_high() -> None:
    latents = jittering(0.1)
    latents[..., 30:] += 3.0
    smoothed = smooth_latents(latents, SIXTEEN)
    step = smoothed[:, :16, 30] - smoothed[:, :16, 29]
    assert step.mean().item() == pytest.approx(3.0, abs=0.15)
    plain = torch.nn.functional.avg_pool1d(latents, 5, 1, 2)
    assert (plain[:, :16, 30] - plain[:, :16, 29]).mean() < 1.0


def test_what_is_constant_stays_so_to_its_ends() -> None:
    latents = torch.full((2, 24, 10), 0.7)
    torch.testing.assert_close(smooth_latents(latents, SIXTEEN), latents)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_short_latents_are_smoothed_as_far_as_there_are_neighbours(size: int) -> None:
    latents = jittering(size=size)
    smoothed = smooth_latents(latents, SIXTEEN)
    assert smoothed.shape == latents.shape and torch.isfinite(smoothed).all()
    assert torch.equal(smoothed, latents) == (size < 3)


def test_without_channels_latents_are_the_same_object() -> None:
    latents = jittering()
    assert smooth_latents(latents, LatentSmoothing()) is latents


@pytest.mark.parametrize(
    "changes", [{"channels": (1, 1)}, {"channels": (-1,)}, {"judged": 0}, {"reach": 0.0}]
)
def test_nonsense_is_refused_by_name(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        LatentSmoothing(**changes)  # type: ignore[arg-type]
