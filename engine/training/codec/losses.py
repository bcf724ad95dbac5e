"""Losses of the codec on frames (B, L, features), as pure functions. Needs torch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from engine.models.spectral_critics import RESOLUTIONS, Judgement, scaled_log
from engine.sound.spectral_features import (
    LOW_WINDOW,
    ONE_WINDOW,
    RATE_HZ,
    WINDOW,
    FrameFormat,
    bin_positions,
    mid_side_power,
)
from engine.training.run.seeding import VERSION

HEARD_BELOW = 1.9
"""50 dB in scaled logarithms: what lies so far below a sound's loudest pixel does not count."""
LOUDEST_TO_NEARBY = 2.7
"""70 dB in scaled logarithms."""


def frequency_weights(form: FrameFormat, bins: int | None = None) -> Tensor:
    """Return weights (bins,) of mean 1 that fall with frequency, about as the ear resolves it."""
    weights = 1 / (bin_positions(form)[:bins] * (RATE_HZ / WINDOW) + 400)
    return weights / weights.mean()


def reconstruction_losses(
    made: Tensor,
    real: Tensor,
    form: FrameFormat = ONE_WINDOW,
    audible: Tensor | None = None,
    version: int = VERSION,
) -> dict[str, Tensor]:
    """Return mean absolute errors of frames (B, L, features), part by part.

    Frequencies count where there is tonal sound. `audible` (B, L, 2, bins), 0..1, weights each
    magnitude; by default it is `audible_in_frame`. Runs of version 1 weight balance and coherence
    as one.
    """
    layout = form.layout
    error = (made - real).abs()
    magnitude = error[..., layout.magnitude].unflatten(-1, (2, form.bins))
    loudness = real[..., layout.magnitude].unflatten(-1, (2, form.bins))
    heard = audible_in_frame(loudness) if audible is None else audible
    weights = frequency_weights(form).to(made)
    deviation = error[..., layout.deviation].unflatten(-1, (2, form.tonal_bins))
    tonal = (heard * (loudness > -0.6) * weights)[..., : form.tonal_bins]
    losses = {
        "magnitude": (magnitude * weights * (0.35 + heard)).mean(),
        "deviation": (deviation * tonal).mean() / 3,
        "noise": error[..., layout.noise].mean() * 0.3,
        "envelope": error[..., layout.envelope].mean() * 0.5,
    }
    balance, coherence = error[..., layout.balance].mean(), error[..., layout.coherence].mean()
    if version == 1:
        return {**losses, "stereo": (balance + coherence) * 0.15}
    return {**losses, "balance": balance * 0.15, "coherence": coherence * 0.1}


def audible_in_frame(loudness: Tensor) -> Tensor:
    """Return 0..1: how near each magnitude (..., bins) comes to the loudest of its hop."""
    return torch.sigmoid((loudness - loudness.amax(-1, keepdim=True) + 1.6) * 6)


def audible_nearby(loudness: Tensor, form: FrameFormat) -> Tensor:
    """Return 0..1: how near magnitudes (..., bins) come to the loudest of a third of an octave.

    High partials count as much as low ones, but nothing 70 dB below its hop's loudest counts.
    """
    bands = third_octaves(form).to(loudness.device)
    count = int(bands.max()) + 1
    peaks = loudness.new_full((*loudness.shape[:-1], count), -math.inf)
    peaks = peaks.scatter_reduce(-1, bands.expand(loudness.shape), loudness, "amax")
    # Include the neighbouring bands, which are near a band's edges.
    nearest = functional.max_pool1d(peaks.flatten(0, -2)[:, None], 3, 1, 1).view(peaks.shape)
    nearest = torch.maximum(nearest, loudness.amax(-1, keepdim=True) - LOUDEST_TO_NEARBY)
    return torch.sigmoid((loudness - nearest[..., bands] + 0.8) * 8)


def third_octaves(form: FrameFormat) -> Tensor:
    """Return which of the bands, a sixth of an octave wide, holds each of form.bins bins.

    Bands without a bin are left out: the lowest ones hold one bin each.
    """
    position = bin_positions(form).clamp_min(0.5)
    band = torch.floor(6 * torch.log2(2 * position))
    return torch.unique(band, return_inverse=True)[1]


def pitch_loss(made: Tensor, real: Tensor, form: FrameFormat = ONE_WINDOW) -> Tensor:
    """Return the mean relative frequency error in the loud bins of a note's range."""
    layout = form.layout
    error = (made - real).abs()[..., layout.deviation].unflatten(-1, (2, form.tonal_bins))
    loudness = real[..., layout.magnitude].unflatten(-1, (2, form.bins))
    heard = torch.sigmoid((loudness - loudness.amax(-1, keepdim=True) + 0.8) * 8)
    position = bin_positions(form).to(made)[: form.tonal_bins]
    held = ((position >= 1) & (position < 64)).nonzero()[:, 0]
    # Deviations are counted in bins of their own window.
    width = torch.where(torch.arange(form.tonal_bins) < form.low_bins, WINDOW / LOW_WINDOW, 1.0)
    weights = heard[..., held] * (loudness[..., held] > 0) * width.to(made)[held]
    return (error[..., held] * weights / position[held]).mean()


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the divergence from the unit normal (nats), summed over channels, mean over frames."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1).mean()


def resolution_loss(
    made: Tensor, real: Tensor, form: FrameFormat = ONE_WINDOW, version: int = VERSION
) -> Tensor:
    """Return the mean error of scaled log powers of mid and side, averaged over RESOLUTIONS.

    Regression bin by bin learns the median of a noise, which lies below its mean power; averaging
    the power first preserves the level.
    """
    last = form.bins - 1
    by_bin = frequency_weights(form, last if version == 1 else None)[None, :last]
    powers = [mid_side_power(frames, form)[..., :last] for frames in (made, real)]
    errors = []
    for resolution in RESOLUTIONS:
        first, second = (scaled_log(functional.avg_pool2d(power, resolution)) for power in powers)
        floor = second.amax((1, 2, 3), keepdim=True) - HEARD_BELOW
        weights = functional.avg_pool1d(by_bin, resolution[1]).to(made)
        difference = torch.maximum(first, floor) - torch.maximum(second, floor)
        errors.append((difference.abs() * weights).mean())
    return torch.stack(errors).mean()


def critic_loss(real: Sequence[Judgement], made: Sequence[Judgement]) -> Tensor:
    """Hinge loss: push real scores above 1 and made ones below -1; mean over critics."""
    return torch.stack(
        [
            functional.relu(1 - r.scores).mean() + functional.relu(1 + m.scores).mean()
            for r, m in zip(real, made, strict=True)
        ]
    ).mean()


def adversarial_loss(made: Sequence[Judgement]) -> Tensor:
    """Hinge loss of the decoder: push made scores above 1; mean over critics."""
    return torch.stack([functional.relu(1 - m.scores).mean() for m in made]).mean()


def matching_loss(real: Sequence[Judgement], made: Sequence[Judgement]) -> Tensor:
    """Return the feature matching loss, relative to the features; mean over critics and layers.

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
    """Return pairs of hidden features as float32; the real ones carry no gradient."""
    pairs = zip(real.hidden, made.hidden, strict=True)
    return [(first.detach().float(), second.float()) for first, second in pairs]
