"""The embedded model's autoencoder: ConvNeXt layers between phase-free frames and latents.

A variational autoencoder over `spectral_features` frames: what it codes has no absolute phase, and
its decoder's last step is an inverse short-time transform, as in Vocos (Siuzdak 2023, section 3),
here with the phases accumulated from decoded frequencies. Needs torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.sound import spectral_features, spectral_synthesis
from engine.sound.spectral_features import FORMATS, FRAME, FrameFormat

START = 22
"""Half a millisecond at 44.1 kHz."""
SKIP_GAIN = 0.1
"""Adam's steps are equally large for all weights; this slows the linear paths, initialised well."""
NOISE_WIDTH = 16
"""Width of the embedding of the latents' noise level."""


@dataclass(frozen=True, slots=True)
class SpectralCodecConfig:
    """Sizes of the codec. `latent_dim` channels at 43 latents a second.

    `frames` names the format of its frames. A codec that is not `variational` codes no variance.
    A `noise_conditioned` decoder is given the noise level of the latents, in standard deviations of
    a channel; when playing, that is `assumed_noise`.
    """

    latent_dim: int = 64
    width: int = 320
    expansion: int = 3
    encoder_layers: int = 2
    decoder_layers: int = 4
    kernel: int = 5
    frames: str = "one-window"
    variational: bool = True
    noise_conditioned: bool = False
    assumed_noise: float = 0.0

    def __post_init__(self) -> None:
        """Refuse sizes that no network can have."""
        for name in ("latent_dim", "width", "expansion", "encoder_layers", "decoder_layers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd and at least 1, got {self.kernel}")
        if self.frames not in FORMATS:
            raise ValueError(f"frames must be one of {', '.join(FORMATS)}, got {self.frames!r}")
        if not 0 <= self.assumed_noise <= 1:
            raise ValueError(f"assumed_noise must be 0..1, got {self.assumed_noise}")


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution over time, then a two-layer MLP, residual: (B, L, width)."""

    def __init__(self, width: int, expansion: int, kernel: int) -> None:
        super().__init__()
        self.mix_time = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, width * expansion)
        self.narrow = nn.Linear(width * expansion, width)
        self.scale = nn.Parameter(torch.full((width,), 0.1))

    def forward(self, x: Tensor, modulation: Tensor | None = None) -> Tensor:
        """Return x plus what the block adds; `modulation` (B, 1, 2 * width) scales and shifts."""
        y = self.norm(self.mix_time(x.transpose(1, 2)).transpose(1, 2))
        if modulation is not None:
            scale, shift = modulation.chunk(2, dim=-1)
            y = y * (1 + scale) + shift
        y = self.narrow(functional.gelu(self.widen(y)))
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
        self.format: FrameFormat = FORMATS[config.frames]
        size, width, latent = self.format.layout.size, config.width, config.latent_dim

        def blocks(count: int) -> nn.Sequential:
            layers = [ConvNeXtBlock(width, config.expansion, config.kernel) for _ in range(count)]
            return nn.Sequential(*layers)

        self.encoder_in = nn.Linear(size, width)
        self.encoder = blocks(config.encoder_layers)
        self.encoder_norm = nn.LayerNorm(width)
        self.encoder_out = nn.Linear(width, (2 if config.variational else 1) * latent)
        self.encoder_skip = nn.Linear(size, latent, bias=False)
        self.decoder_in = nn.Linear(latent, width)
        self.decoder = blocks(config.decoder_layers)
        self.decoder_norm = nn.LayerNorm(width)
        self.decoder_out = nn.Linear(width, size)
        self.decoder_skip = nn.Linear(latent, size, bias=False)
        if config.noise_conditioned:
            self.noise_in = nn.Linear(1, NOISE_WIDTH)
            self.noise_out = nn.Linear(NOISE_WIDTH, config.decoder_layers * 2 * width)
            nn.init.zeros_(self.noise_out.weight)
            nn.init.zeros_(self.noise_out.bias)
        self.skip_gain = 1.0 if config.variational else SKIP_GAIN
        # Statistics of frames and of latents over the training corpus: data, not learnt.
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))
        self.register_buffer("latent_mean", torch.zeros(latent))
        self.register_buffer("latent_deviation", torch.ones(latent))
        for layer in (self.encoder_out, self.decoder_out):
            nn.init.normal_(layer.weight, std=0.002)
            nn.init.zeros_(layer.bias)

    def posterior(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance (B, L, latent_dim) of the code of frames (B, L, features).

        Where the codec is not variational all variances are 1.
        """
        x = (frames - self.mean) / self.deviation
        hidden = self.encoder_norm(self.encoder(self.encoder_in(x)))
        out = self.encoder_out(hidden)
        if not self.config.variational:
            return out + self.skip_gain * self.encoder_skip(x), torch.zeros_like(out)
        mean, log_variance = out.chunk(2, dim=-1)
        return mean + self.skip_gain * self.encoder_skip(x), (log_variance - 4.0).clamp(-12.0, 2.0)

    def frames_from_code(self, code: Tensor, noise: Tensor | None = None) -> Tensor:
        """Decode a code (B, L, latent_dim) to frames (B, L, features).

        `noise` (B,) is the noise level of each code, in deviations; None is the config's.
        """
        hidden = self.decoder_in(code)
        for block, modulation in zip(self.decoder, self._modulations(code, noise), strict=True):
            hidden = block(hidden, modulation)
        straight = self.skip_gain * self.decoder_skip(code)
        x = self.decoder_out(self.decoder_norm(hidden)) + straight
        return x * self.deviation + self.mean

    def _modulations(self, code: Tensor, noise: Tensor | None) -> Sequence[Tensor | None]:
        if not self.config.noise_conditioned:
            return [None] * len(self.decoder)
        if noise is None:
            noise = torch.full((len(code),), self.config.assumed_noise, device=code.device)
        hidden = functional.silu(self.noise_in(noise[:, None, None].to(code.dtype)))
        return self.noise_out(hidden).chunk(len(self.decoder), dim=-1)

    def encode(self, audio: Tensor) -> Tensor:
        """Encode stereo sound (B, 2, T) to latents (B, latent_dim, L) of mean 0 and deviation 1."""
        mean, _ = self.posterior(self.analyse(audio))
        return ((mean - self.latent_mean) / self.latent_deviation).transpose(1, 2)

    def decode(self, latents: Tensor, seed: int = 0) -> Tensor:
        """Decode latents (B, latent_dim, L) to stereo sound (B, 2, L * 1024) on the CPU.

        `seed` draws the phases of noise-like parts. The sound is faded in over START samples: with
        random phases in the first frame it might begin with a step.
        """
        code = latents.transpose(1, 2) * self.latent_deviation + self.latent_mean
        frames = self.frames_from_code(code)
        audio = torch.stack([self.synthesise(item, seed + i) for i, item in enumerate(frames)])
        audio[..., :START] *= torch.linspace(0, 1, START)
        return audio

    def analyse(self, audio: Tensor) -> Tensor:
        """Analyse stereo sound (B, 2, T) into this codec's frames (B, L, features)."""
        return spectral_features.analyse(audio, self.format)

    def synthesise(self, frames: Tensor, seed: int = 0) -> Tensor:
        """Synthesise sound (2, L * 1024) from this codec's frames (L, features), on the CPU."""
        return spectral_synthesis.synthesise(frames, seed, self.format)

    @staticmethod
    def latents_for(samples: int) -> int:
        """Return how many latents cover so many samples."""
        return spectral_features.frame_count(samples)

    @property
    def samples_per_latent(self) -> int:
        """Samples that one latent stands for."""
        return FRAME
