"""A whole sound model in miniature: random networks, a codec that really codes simple sounds."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.library.card import ModelCard, Trained, write_card
from engine.loading.model_folder import CONFIG, WEIGHTS, ModelConfig, PingpadModel
from engine.models.conditioning import ConditionerConfig
from engine.models.dit_config import DiffusionTransformerConfig
from engine.models.spectral_codec import SpectralCodec, SpectralCodecConfig
from engine.sampling.config import SamplingConfig
from engine.sound import spectral_features
from engine.training.codec.autoencoder import begin_with_principal_components

RATE_HZ = 44_100
WORDS = ("kick", "snare", "909", "deep", "soft")
LATENT_DIM = 16
WIDTH = 32

CARD = ModelCard(
    name="tiny",
    summary="Random networks.",
    licence="MIT",
    sample_rate=RATE_HZ,
    longest_s=12.0,
    default_steps=4,
    vocabulary=WORDS,
    trained=Trained("Nothing."),
)
CODEC = SpectralCodecConfig(LATENT_DIM, 32, 2, 1, 1, 5)
TRANSFORMER = DiffusionTransformerConfig(LATENT_DIM, 2, 64, 2, 2, WIDTH, WIDTH, 2)
CONDITIONER = ConditionerConfig(WIDTH, 1, 2, 32, 8, 12.0)

CONFIG_TEXT = """
[codec]
latent_dim = 16
width = 32
expansion = 2
encoder_layers = 1
decoder_layers = 1
kernel = 5

[transformer]
io_channels = 16
patch_size = 2
embed_dim = 64
depth = 2
num_heads = 2
cond_token_dim = 32
global_cond_dim = 32
ff_multiple = 2

[conditioner]
width = 32
layers = 1
heads = 2
ff_width = 32
most_words = 8
"""


def sine(hertz: float, seconds: float, left: float = 0.5, right: float = 0.5) -> Tensor:
    """A steady tone (1, 2, T)."""
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    tone = np.sin(2 * np.pi * hertz * time)
    return torch.from_numpy(np.stack([left * tone, right * tone]).astype(np.float32))[None]


def noise(seconds: float, level: float = 0.2, seed: int = 0) -> Tensor:
    """White noise (1, 2, T), the same on both sides."""
    random = np.random.default_rng(seed)
    mono = random.standard_normal(round(seconds * RATE_HZ)).astype(np.float32) * level
    return torch.from_numpy(np.stack([mono, mono]))[None]


@cache
def _heard() -> Tensor:
    """Frames (N, LAYOUT.size) of what the tiny codec knows: tones, fading tones, noise, silence."""
    fade = torch.linspace(1, 0, round(0.3 * RATE_HZ)).square()
    tones = [sine(110 * 2 ** (i / 3), 0.3) * (fade if i % 2 else 1) for i in range(14)]
    sounds = torch.cat([*tones, noise(0.3), noise(0.3, 0.05) * fade, torch.zeros_like(tones[0])])
    return spectral_features.analyse(sounds).flatten(0, 1)


@torch.no_grad()
def tiny_codec() -> SpectralCodec:
    """A codec whose linear paths are the principal components of simple sounds."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        codec = SpectralCodec(CODEC)
        begin_with_principal_components(codec, _heard())
    latents = codec.posterior(_heard()[None])[0][0]
    codec.latent_mean.copy_(latents.mean(0))
    codec.latent_deviation.copy_(latents.std(0))
    return codec.eval()


def tiny_model(sampling: SamplingConfig | None = None) -> PingpadModel:
    """The whole model, with the same random weights each time."""
    config = ModelConfig(CODEC, TRANSFORMER, CONDITIONER, sampling or SamplingConfig())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = PingpadModel(config, WORDS)
    model.codec = tiny_codec()
    return model.eval()


def write_tiny_model(folder: Path, card: ModelCard = CARD) -> Path:
    """Write the model as a folder that `load_model` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tiny_model().state_dict(), folder / WEIGHTS)
    (folder / CONFIG).write_text(CONFIG_TEXT, encoding="utf-8")
    write_card(folder, card)
    return folder
