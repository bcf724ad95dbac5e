"""Losses of the codec on frames (B, L, LAYOUT.size), as pure functions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from engine.models.spectral_critics import RESOLUTIONS, Judgement, scaled_log
from engine.sound.spectral_features import (
    BINS,
    LAYOUT,
    RATE_HZ,
    TONAL_BINS,
    WINDOW,
    mid_side_power,
)

HEARD_BELOW = 1.9
"""Of scaled logarithms: 50 dB below a sound's loudest pixel nothing counts."""


def frequency_weights(bins: int) -> Tensor:
    """Weights (bins,) of mean 1 that fall with frequency about as the ear's resolution does."""
    weights = 1 / (torch.arange(bins) * (RATE_HZ / WINDOW) + 400)
    return weights / weights.mean()


def reconstruction_losses(made: Tensor, real: Tensor) -> dict[str, Tensor]:
    """Mean absolute errors of frames (B, L, LAYOUT.size), part by part.

    Frequencies count where there is sound and it is no noise.
    """
    error = (made - real).abs()
    magnitude = error[..., LAYOUT.magnitude].unflatten(-1, (2, BINS))
    loudness = real[..., LAYOUT.magnitude].unflatten(-1, (2, BINS))
    heard = torch.sigmoid((loudness - loudness.amax(-1, keepdim=True) + 1.6) * 6)
    weights = frequency_weights(BINS).to(made)
    deviation = error[..., LAYOUT.deviation].unflatten(-1, (2, TONAL_BINS))
    tonal = (heard * (loudness > -0.6))[..., :TONAL_BINS] * weights[:TONAL_BINS]
    return {
        "magnitude": (magnitude * weights * (0.35 + heard)).mean(),
        "deviation": (deviation * tonal).mean() / 3,
        "noise": error[..., LAYOUT.noise].mean() * 0.3,
        "envelope": error[..., LAYOUT.envelope].mean() * 0.5,
        "stereo": (error[..., LAYOUT.balance].mean() + error[..., LAYOUT.coherence].mean()) * 0.15,
    }


def pitch_loss(made: Tensor, real: Tensor) -> Tensor:
    """Mean error of frequencies relative to the frequency, in the loud bins that hold a note."""
    first, last = 1, 64
    error = (made - real).abs()[..., LAYOUT.deviation].unflatten(-1, (2, TONAL_BINS))
    loudness = real[..., LAYOUT.magnitude].unflatten(-1, (2, BINS))
    heard = torch.sigmoid((loudness - loudness.amax(-1, keepdim=True) + 0.8) * 8)
    bins = torch.arange(first, last, device=made.device)
    weights = heard[..., first:last] * (loudness[..., first:last] > 0)
    return (error[..., first:last] * weights / bins).mean()


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Divergence from the unit normal in nats, summed over channels, mean over frames."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1).mean()


def resolution_loss(made: Tensor, real: Tensor) -> Tensor:
    """Mean error of mid's and side's scaled logarithms, of powers averaged over RESOLUTIONS.

    Regression bin by bin learns the median of a noise, which lies below its mean power: averages
    hold its level.
    """
    powers = [mid_side_power(frames)[..., : BINS - 1] for frames in (made, real)]
    errors = []
    for resolution in RESOLUTIONS:
        first, second = (scaled_log(functional.avg_pool2d(power, resolution)) for power in powers)
        floor = second.amax((1, 2, 3), keepdim=True) - HEARD_BELOW
        weights = functional.avg_pool1d(frequency_weights(BINS - 1)[None], resolution[1]).to(made)
        difference = torch.maximum(first, floor) - torch.maximum(second, floor)
        errors.append((difference.abs() * weights).mean())
    return torch.stack(errors).mean()


def critic_loss(real: Sequence[Judgement], made: Sequence[Judgement]) -> Tensor:
    """Hinge: push real scores above 1 and made ones below -1; mean over critics."""
    return torch.stack(
        [
            functional.relu(1 - r.scores).mean() + functional.relu(1 + m.scores).mean()
            for r, m in zip(real, made, strict=True)
        ]
    ).mean()


def adversarial_loss(made: Sequence[Judgement]) -> Tensor:
    """Hinge for the decoder: push made scores above 1; mean over critics."""
    return torch.stack([functional.relu(1 - m.scores).mean() for m in made]).mean()


def matching_loss(real: Sequence[Judgement], made: Sequence[Judgement]) -> Tensor:
    """Mean difference of what critics saw, relative to its size; mean over critics and layers.

    "High Fidelity Neural Audio Compression", section 3.4, equation 2.
    """
    return torch.stack(
        [
            (first - second).abs().mean() / first.abs().mean().clamp_min(1e-6)
            for r, m in zip(real, made, strict=True)
            for first, second in _hidden(r, m)
        ]
    ).mean()


def _hidden(real: Judgement, made: Judgement) -> list[tuple[Tensor, Tensor]]:
    """What a critic saw of both, in full precision; the real one carries no gradient."""
    pairs = zip(real.hidden, made.hidden, strict=True)
    return [(first.detach().float(), second.float()) for first, second in pairs]
