"""The embedded model's autoencoder: ConvNeXt layers between phase-free frames and latents.

A variational autoencoder over `spectral_features` frames: what it codes has no absolute phase, and
its decoder's last step is an inverse short-time transform, as in Vocos (Siuzdak 2023, section 3),
here with the phases accumulated from decoded frequencies. Engine process.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.sound import spectral_features
from engine.sound.spectral_features import FRAME, LAYOUT

START = 22
"""Half a millisecond at 44.1 kHz."""


@dataclass(frozen=True, slots=True)
class SpectralCodecConfig:
    """Sizes of the codec. `latent_dim` channels at 43 latents a second."""

    latent_dim: int = 64
    width: int = 320
    expansion: int = 3
    encoder_layers: int = 2
    decoder_layers: int = 4
    kernel: int = 5

    def __post_init__(self) -> None:
        """Refuse sizes that no network can have."""
        for name in ("latent_dim", "width", "expansion", "encoder_layers", "decoder_layers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd and at least 1, got {self.kernel}")


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution over time, then a two-layer perceptron, residual: (B, L, width)."""

    def __init__(self, width: int, expansion: int, kernel: int) -> None:
        super().__init__()
        self.mix_time = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, width * expansion)
        self.narrow = nn.Linear(width * expansion, width)
        self.scale = nn.Parameter(torch.full((width,), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        """Return x plus what the block adds."""
        y = self.mix_time(x.transpose(1, 2)).transpose(1, 2)
        y = self.narrow(functional.gelu(self.widen(self.norm(y))))
        return x + self.scale * y


class SpectralCodec(nn.Module):
    """Stereo sound at 44.1 kHz to latents (B, latent_dim, L), L = samples / 1024, and back."""

    mean: Tensor
    deviation: Tensor
    latent_mean: Tensor
    latent_deviation: Tensor

    def __init__(self, config: SpectralCodecConfig) -> None:
        super().__init__()
        self.config = config
        size, width, latent = LAYOUT.size, config.width, config.latent_dim

        def blocks(count: int) -> nn.Sequential:
            layers = [ConvNeXtBlock(width, config.expansion, config.kernel) for _ in range(count)]
            return nn.Sequential(*layers)

        self.encoder_in = nn.Linear(size, width)
        self.encoder = blocks(config.encoder_layers)
        self.encoder_norm = nn.LayerNorm(width)
        self.encoder_out = nn.Linear(width, 2 * latent)
        self.encoder_skip = nn.Linear(size, latent, bias=False)
        self.decoder_in = nn.Linear(latent, width)
        self.decoder = blocks(config.decoder_layers)
        self.decoder_norm = nn.LayerNorm(width)
        self.decoder_out = nn.Linear(width, size)
        self.decoder_skip = nn.Linear(latent, size, bias=False)
        # Statistics of frames and of latents over the training corpus: data, not learnt.
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))
        self.register_buffer("latent_mean", torch.zeros(latent))
        self.register_buffer("latent_deviation", torch.ones(latent))
        for layer in (self.encoder_out, self.decoder_out):
            nn.init.normal_(layer.weight, std=0.002)
            nn.init.zeros_(layer.bias)

    def posterior(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (B, L, latent_dim) of the code of frames (B, L, LAYOUT.size)."""
        x = (frames - self.mean) / self.deviation
        hidden = self.encoder_norm(self.encoder(self.encoder_in(x)))
        mean, log_variance = self.encoder_out(hidden).chunk(2, dim=-1)
        return mean + self.encoder_skip(x), (log_variance - 4.0).clamp(-12.0, 2.0)

    def frames_from_code(self, code: Tensor) -> Tensor:
        """Frames (B, L, LAYOUT.size) that a code (B, L, latent_dim) stands for."""
        hidden = self.decoder_norm(self.decoder(self.decoder_in(code)))
        x = self.decoder_out(hidden) + self.decoder_skip(code)
        return x * self.deviation + self.mean

    def encode(self, audio: Tensor) -> Tensor:
        """Stereo sound (B, 2, T) to latents (B, latent_dim, L) of mean 0 and deviation 1."""
        mean, _ = self.posterior(spectral_features.analyse(audio))
        return ((mean - self.latent_mean) / self.latent_deviation).transpose(1, 2)

    def decode(self, latents: Tensor, seed: int = 0) -> Tensor:
        """Latents (B, latent_dim, L) to stereo sound (B, 2, L * 1024) on the CPU.

        `seed` draws the phases of noise-like parts. The sound comes in over START samples: the
        first frame's phases are drawn, so that it may well begin with a step otherwise.
        """
        code = latents.transpose(1, 2) * self.latent_deviation + self.latent_mean
        frames = self.frames_from_code(code)
        audio = torch.stack(
            [spectral_features.synthesise(item, seed + i) for i, item in enumerate(frames)]
        )
        audio[..., :START] *= torch.linspace(0, 1, START)
        return audio

    @staticmethod
    def latents_for(samples: int) -> int:
        """How many latents cover so many samples."""
        return spectral_features.frame_count(samples)

    @property
    def samples_per_latent(self) -> int:
        """Samples that one latent stands for."""
        return FRAME
