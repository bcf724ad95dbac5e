"""Critics of frames: what they look at, and that they see it at every resolution."""

from __future__ import annotations

import pytest
import torch

from engine.models.spectral_critics import (
    RESOLUTIONS,
    SpectralCritics,
    envelope_view,
    spectral_view,
    views_of,
)
from engine.sound.spectral_features import (
    BINS,
    FLOOR,
    LAYOUT,
    SUBFRAMES,
    analyse,
    mid_side_power,
    noise_by_bin,
)
from tests.fakes.engine.tiny_model import noise, sine


@pytest.mark.parametrize(
    ("left", "right", "share"), [(0.5, 0.5, 1.0), (0.5, -0.5, 0.0), (0.5, 0.0, 0.5)]
)
def test_mid_and_side_are_those_of_the_sound(left: float, right: float, share: float) -> None:
    frames = analyse(sine(440, 0.3, left, right))
    mid, side = mid_side_power(frames)[0, :, 8:-8].sum((1, 2))
    assert (mid / (mid + side)).item() == pytest.approx(share, abs=0.06)
    real = analyse(sine(440, 0.3, 0.5, 0.5))
    loudness = (mid + side) / mid_side_power(real)[0, :, 8:-8].sum()
    assert loudness.item() == pytest.approx((left**2 + right**2) / 0.5, rel=0.05)


def test_silence_is_the_floor_and_nothing_is_below() -> None:
    powers = mid_side_power(analyse(torch.zeros(1, 2, 9000)))
    assert powers.min() >= FLOOR**2 * 0.99
    assert powers.max() < FLOOR**2 * 3


def test_views_have_the_sizes_of_their_resolutions() -> None:
    frames = analyse(noise(0.4))
    hops = 2 * frames.shape[1]
    for across, up in RESOLUTIONS:
        assert spectral_view(frames, across, up).shape == (1, 3, hops // across, (BINS - 1) // up)
    assert envelope_view(frames).shape == (1, 2, frames.shape[1] * SUBFRAMES, 1)


def test_envelopes_keep_their_order_in_time() -> None:
    frames = torch.zeros(1, 2, LAYOUT.size)
    frames[0, :, LAYOUT.envelope] = torch.arange(4.0 * SUBFRAMES).view(2, 2 * SUBFRAMES)
    low = envelope_view(frames)[0, 0, :, 0]
    assert low.tolist() == [*range(8), *range(16, 24)]


def test_noise_share_lies_at_its_bins() -> None:
    hiss, tone = (noise_by_bin(analyse(sound))[0, 8:-8] for sound in (noise(0.3), sine(440, 0.3)))
    assert hiss.shape[-1] == BINS
    here = slice(18, 23)
    assert hiss[:, here].mean() > tone[:, here].mean() + 0.4


def test_every_part_that_is_heard_is_seen() -> None:
    torch.manual_seed(0)
    critics = SpectralCritics(4)
    frames = analyse(torch.cat([sine(220, 0.3, 0.5, 0.3), noise(0.3)])).requires_grad_()
    scores = [judgement.scores.mean() for judgement in critics(views_of(frames))]
    torch.stack(scores).sum().backward()
    assert frames.grad is not None
    for part in ("magnitude", "noise", "envelope", "balance", "coherence"):
        assert frames.grad[..., getattr(LAYOUT, part)].abs().sum() > 0, part
    assert frames.grad.isfinite().all()


def test_each_critic_says_what_it_saw() -> None:
    judged = SpectralCritics(4)(views_of(analyse(noise(0.2))))
    assert len(judged) == len(RESOLUTIONS) + 1
    assert all(len(judgement.hidden) == 4 for judgement in judged)
