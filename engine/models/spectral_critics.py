"""Critics of the codec's frames at several resolutions, for training only.

The multi-resolution discriminators of EnCodec ("High Fidelity Neural Audio Compression", Défossez
2022, section 3.4) see short-time transforms of the sound. Here synthesis from frames has no
gradient, so the critics see the frames themselves: mid, side and noise share as images at three
resolutions, and the sub-frame energies, which are sharp in time. Needs torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from engine.sound.spectral_features import (
    ONE_WINDOW,
    SUBFRAMES,
    FrameFormat,
    mid_side_power,
    noise_by_bin,
)

RESOLUTIONS = ((1, 1), (2, 4), (8, 16))
"""Hops and bins that one pixel stands for: 12 ms and 22 Hz, 23 ms and 86 Hz, 93 ms and 345 Hz."""
SLOPE = 0.2


def scaled_log(power: Tensor) -> Tensor:
    """Scale powers as the frames scale magnitudes: to about -1..2."""
    return (0.5 * power.log() + 1.0) / 3.0


def spectral_view(features: Tensor, hops: int, bins: int, form: FrameFormat = ONE_WINDOW) -> Tensor:
    """Return mid, side and noise share (B, 3, hops' pixels, bins' pixels) of frames.

    Powers are averaged before the logarithm, so that a noise is compared by its mean power, not bin
    by bin.
    """
    last = form.bins - 1
    powers = functional.avg_pool2d(mid_side_power(features, form)[..., :last], (hops, bins))
    noise = functional.avg_pool2d(noise_by_bin(features, form)[:, None, :, :last], (hops, bins))
    return torch.cat([scaled_log(powers), noise], dim=1)


def envelope_view(features: Tensor, form: FrameFormat = ONE_WINDOW) -> Tensor:
    """Return sub-frame energies (B, 2, sub-frames, 1) of frames: low band and high band."""
    bands = features[..., form.layout.envelope].unflatten(-1, (2, SUBFRAMES))
    return bands.permute(0, 2, 1, 3).flatten(2)[..., None]


def views_of(features: Tensor, form: FrameFormat = ONE_WINDOW) -> list[Tensor]:
    """Return the critics' inputs, made of frames (B, L, features); L is 4 or more."""
    spectral = [spectral_view(features, *resolution, form) for resolution in RESOLUTIONS]
    return [*spectral, envelope_view(features, form)]


@dataclass(frozen=True, slots=True)
class Judgement:
    """One critic's output: scores, higher for what looks real, and the hidden feature maps."""

    scores: Tensor
    hidden: tuple[Tensor, ...]


class Critic(nn.Module):
    """Convolutions over time and frequency, dilated in time, as in EnCodec's appendix A.2.

    `kernel` and `stride` are (time, frequency).
    """

    def __init__(
        self, channels: int, width: int, kernel: tuple[int, int], stride: tuple[int, int]
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2)
        layers = [nn.Conv2d(channels, width, kernel, stride, padding)]
        for dilation in (1, 2, 4):
            spread = (padding[0] * dilation, padding[1])
            layers.append(nn.Conv2d(width, width, kernel, stride, spread, (dilation, 1)))
        self.layers = nn.ModuleList(weight_norm(layer) for layer in layers)
        self.last = weight_norm(nn.Conv2d(width, 1, 3, padding=1))

    def forward(self, image: Tensor) -> Judgement:
        """Score images (B, channels, time, frequency)."""
        hidden: list[Tensor] = []
        for layer in self.layers:
            image = functional.leaky_relu(layer(image), SLOPE)
            hidden.append(image)
        return Judgement(self.last(image).float(), tuple(hidden))


class SpectralCritics(nn.Module):
    """One critic for each resolution of RESOLUTIONS and one for the sub-frame energies."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.spectral = nn.ModuleList(Critic(3, width, (3, 9), (1, 2)) for _ in RESOLUTIONS)
        self.envelope = Critic(2, width, (9, 1), (2, 1))

    def forward(self, views: list[Tensor]) -> list[Judgement]:
        """Score the inputs that `views_of` returns."""
        critics = [*self.spectral, self.envelope]
        return [critic(view) for critic, view in zip(critics, views, strict=True)]
