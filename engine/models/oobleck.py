"""Oobleck, the autoencoder of Stable Audio: stereo sound to latents and back. Needs torch.

Names of layers are those of the published checkpoints, but weight normalisation is folded into
plain convolutions and the snake's exponentials are taken once, both when a checkpoint is loaded
(see `fold_weight_norm`). Evans et al. 2024, "Stable Audio Open", section 2; snake: Lee et al.
2023, "BigVGAN".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.models.windowed_codec import WindowedCodec

DILATIONS = (1, 3, 9)
KERNEL = 7
LEAST_DEVIATION = 1e-4


@dataclass(frozen=True, slots=True)
class OobleckConfig:
    """Sizes of encoder and decoder; `multiples` of `channels`, one for each stride."""

    channels: int = 128
    multiples: tuple[int, ...] = (1, 2, 4, 8, 16)
    strides: tuple[int, ...] = (2, 4, 4, 8, 8)
    latent_dim: int = 64
    audio_channels: int = 2

    def __post_init__(self) -> None:
        """Refuse sizes that no network can have."""
        for name in ("channels", "latent_dim", "audio_channels"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not self.strides or len(self.strides) != len(self.multiples):
            raise ValueError(
                f"there must be as many multiples as strides, "
                f"got {len(self.multiples)} and {len(self.strides)}"
            )
        if min(self.multiples) < 1:
            raise ValueError(f"multiples must be at least 1, got {self.multiples}")
        if any(stride < 2 or stride % 2 for stride in self.strides):
            raise ValueError(f"strides must be even and at least 2, got {self.strides}")

    @property
    def samples_per_latent(self) -> int:
        """Samples that one latent stands for."""
        return math.prod(self.strides)

    @property
    def layers(self) -> int:
        """Number of strides in each half."""
        return len(self.strides)

    @property
    def context(self) -> int:
        """Latents on each side that a decoded sample may depend on: 10 for the published strides.

        From the last convolution back: each one reaches further, each stride divides the reach.
        """
        reach = float(KERNEL // 2)
        for stride in self.strides:
            reach = (reach + KERNEL // 2 * sum(DILATIONS)) / stride + 1
        return math.ceil(reach + KERNEL // 2)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels before the first stride and after each one."""
        return tuple(multiple * self.channels for multiple in (1, *self.multiples))


class Snake(nn.Module):
    """x + sin^2(frequency * x) * scale, one frequency and scale a channel: (B, C, T).

    The published alpha and beta are logarithms: frequency = e^alpha, scale = 1 / (e^beta + 1e-9).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.frequency = nn.Parameter(torch.ones(channels, 1))
        self.scale = nn.Parameter(torch.ones(channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor shaped as x; x is not modified."""
        wave = x * self.frequency
        if torch.is_grad_enabled():
            return x + wave.sin().square() * self.scale
        # In place: a fresh tensor of this size costs more than the arithmetic.
        return wave.sin_().square_().mul_(self.scale).add_(x)


def _make_same_conv(inputs: int, outputs: int, dilation: int = 1, bias: bool = True) -> nn.Conv1d:
    padding = KERNEL // 2 * dilation
    return nn.Conv1d(inputs, outputs, KERNEL, 1, padding, dilation, bias=bias)


class ResidualUnit(nn.Module):
    """A dilated convolution and a pointwise one, residual: (B, C, T)."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            Snake(channels),
            _make_same_conv(channels, channels, dilation),
            Snake(channels),
            nn.Conv1d(channels, channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return x plus what the unit adds."""
        added: Tensor = self.layers(x)
        return added + x if torch.is_grad_enabled() else added.add_(x)


class Stack(nn.Module):
    """Layers in sequence, named as in published weights."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, T) through all layers."""
        out: Tensor = self.layers(x)
        return out


def _make_residual_units(channels: int) -> list[nn.Module]:
    return [ResidualUnit(channels, dilation) for dilation in DILATIONS]


def _make_encoder_block(inputs: int, outputs: int, stride: int) -> Stack:
    """Make one block of the encoder: `stride` samples become one."""
    downsample = nn.Conv1d(inputs, outputs, 2 * stride, stride, padding=stride // 2)
    return Stack(*_make_residual_units(inputs), Snake(inputs), downsample)


def _make_decoder_block(inputs: int, outputs: int, stride: int) -> Stack:
    """Make one block of the decoder: one sample becomes `stride`."""
    upsample = nn.ConvTranspose1d(inputs, outputs, 2 * stride, stride, padding=stride // 2)
    return Stack(Snake(inputs), upsample, *_make_residual_units(outputs))


def merge_norm(direction: Tensor, length: Tensor) -> Tensor:
    """Return the weight W = g * v / |v| of weight normalisation, in place of v.

    The norm is over all axes but the first (Salimans and Kingma 2016).
    """
    length = length.float()
    norm = direction.flatten(1).norm(dim=1).reshape(length.shape)
    return direction.mul_(length / norm)


class Oobleck(WindowedCodec):
    """Sound (B, audio_channels, T) to latents (B, latent_dim, T / samples_per_latent) and back."""

    def __init__(self, config: OobleckConfig) -> None:
        super().__init__()
        self.config = config
        widths, strides = config.widths, config.strides
        sides = list(zip(widths[:-1], widths[1:], strides, strict=True))
        self.encoder = Stack(
            _make_same_conv(config.audio_channels, widths[0]),
            *(_make_encoder_block(narrow, wide, stride) for narrow, wide, stride in sides),
            Snake(widths[-1]),
            nn.Conv1d(widths[-1], 2 * config.latent_dim, 3, padding=1),
        )
        self.decoder = Stack(
            _make_same_conv(config.latent_dim, widths[-1]),
            *(
                _make_decoder_block(wide, narrow, stride)
                for narrow, wide, stride in reversed(sides)
            ),
            Snake(widths[0]),
            _make_same_conv(widths[0], config.audio_channels, bias=False),
        )

    def posterior(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of the latents of a sound."""
        mean, scale = self.encoder(audio).chunk(2, dim=1)
        return mean, functional.softplus(scale) + LEAST_DEVIATION

    def encode(self, audio: Tensor, noise: Tensor) -> Tensor:
        """Draw latents of a sound from the posterior, by standard normal noise of their shape.

        T must be a multiple of samples_per_latent. The published models always sample the
        posterior.
        """
        mean, deviation = self.posterior(audio)
        return noise * deviation + mean

    def decode(self, latents: Tensor) -> Tensor:
        """Decode latents; peaks may exceed full scale, and clipping them is left to the caller."""
        audio: Tensor = self.decoder(latents)
        return audio

    def decode_part(self, latents: Tensor, first: int, count: int) -> Tensor:
        """Decode latents `first` to `first + count`, exactly as decoding all of them would."""
        context = self.config.context
        begin, end = max(first - context, 0), first + count + context
        audio = self.decode(latents[..., begin:end])
        samples = self.config.samples_per_latent
        start = (first - begin) * samples
        return audio[..., start : start + count * samples]

    def published_shapes(self) -> dict[str, torch.Size]:
        """Return names and shapes of the tensors that a published checkpoint of this size holds."""
        shapes: dict[str, torch.Size] = {}
        for name, tensor in self.state_dict().items():
            stem, _, last = name.rpartition(".")
            if last in ("frequency", "scale"):
                published = "alpha" if last == "frequency" else "beta"
                shapes[f"{stem}.{published}"] = tensor.shape[:1]
            elif last == "weight":
                shapes[f"{stem}.weight_g"] = torch.Size((tensor.shape[0], 1, 1))
                shapes[f"{stem}.weight_v"] = tensor.shape
            else:
                shapes[name] = tensor.shape
        return shapes

    @staticmethod
    def fold_weight_norm(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return published tensors as `Oobleck` holds them: float32 copies."""
        tensors: dict[str, Tensor] = {}
        for name, tensor in published.items():
            stem, _, last = name.rpartition(".")
            value = tensor.to(torch.float32, copy=True)
            if last == "alpha":
                tensors[f"{stem}.frequency"] = value.exp()[:, None]
            elif last == "beta":
                tensors[f"{stem}.scale"] = 1 / (value.exp() + 1e-9)[:, None]
            elif last == "weight_v":
                tensors[f"{stem}.weight"] = merge_norm(value, published[f"{stem}.weight_g"])
            elif last != "weight_g":
                tensors[name] = value
        return tensors
