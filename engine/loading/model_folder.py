"""Finds, checks and strictly loads model folders. Needs torch.

Our own layout is a folder of card.toml (what it is), config.toml (sizes) and model.safetensors;
the published one is described in `engine.library.published_files`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from engine.api import EngineError
from engine.clip import SAMPLE_RATE_HZ
from engine.files.strict import ConfigError, from_table
from engine.files.toml import read_toml
from engine.hardware.weights import check_tensors, read_tensors
from engine.library.card import CARD_FILE, ModelCard, read_card
from engine.library.lora_file import has_adapter, read_adapter_file
from engine.library.published_files import find_published
from engine.loading.lora import change_weights, read_adapter
from engine.loading.sound_model import SoundModel, TokenizedPrompts
from engine.loading.stable_audio.model import load_published
from engine.models.conditioning import Conditioner, ConditionerConfig, Tokens
from engine.models.dit import Conditioning, DiffusionTransformer
from engine.models.dit_config import DiffusionTransformerConfig
from engine.models.latent_smoothing import LatentSmoothing, smooth_latents
from engine.models.spectral_codec import SpectralCodec, SpectralCodecConfig
from engine.sampling.config import SamplingConfig
from engine.sound.loudness import normalise_loudness

WEIGHTS = "model.safetensors"
CONFIG = "config.toml"
SOURCE_PEAK = 0.9
"""Peak that sources are scaled to: the level at which the autoencoder was trained."""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Everything that sizes the networks of a model folder."""

    codec: SpectralCodecConfig = field(default_factory=SpectralCodecConfig)
    transformer: DiffusionTransformerConfig = field(default_factory=DiffusionTransformerConfig)
    conditioner: ConditionerConfig = field(default_factory=ConditionerConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    smoothing: LatentSmoothing = field(default_factory=LatentSmoothing)

    def __post_init__(self) -> None:
        """Refuse networks that do not fit each other."""
        check_fit(self.transformer, self.conditioner)
        if self.transformer.io_channels != self.codec.latent_dim:
            raise ValueError(
                f"transformer.io_channels must be codec.latent_dim {self.codec.latent_dim}, "
                f"got {self.transformer.io_channels}"
            )
        if max(self.smoothing.channels, default=0) >= self.codec.latent_dim:
            raise ValueError(
                f"smoothing.channels must be below codec.latent_dim {self.codec.latent_dim}, "
                f"got {list(self.smoothing.channels)}"
            )


def check_fit(transformer: DiffusionTransformerConfig, conditioner: ConditionerConfig) -> None:
    """Refuse a transformer whose conditioning widths are not the conditioner's."""
    for name in ("cond_token_dim", "global_cond_dim"):
        if getattr(transformer, name) != conditioner.width:
            raise ValueError(
                f"transformer.{name} must be conditioner.width {conditioner.width}, "
                f"got {getattr(transformer, name)}"
            )


class PingpadModel(SoundModel):
    """Autoencoder, transformer and conditioner of one model in our own layout."""

    def __init__(self, config: ModelConfig, vocabulary: tuple[str, ...]) -> None:
        super().__init__()
        self.config = config
        self.sampling = config.sampling
        self.sample_rate = SAMPLE_RATE_HZ
        self.source_peak = SOURCE_PEAK
        self.codec = SpectralCodec(config.codec)
        self.transformer = DiffusionTransformer(config.transformer)
        self.conditioner = Conditioner(config.conditioner, vocabulary)

    def tokenize(self, prompts: Sequence[str], seconds: float) -> TokenizedPrompts:
        """Return ids, values, which are real, and tempi of the words."""
        device = self.conditioner.seconds.linear.weight.device
        words = self.conditioner.tokenizer(prompts).to(device)
        return TokenizedPrompts(
            (words.ids, words.values, words.real, words.bpm),
            torch.full((len(prompts),), seconds, device=device),
        )

    def condition(self, prompts: TokenizedPrompts, *, unconditional: bool = False) -> Conditioning:
        """Return tokens of the words and a token of the length."""
        keep = torch.zeros_like(prompts.seconds, dtype=torch.bool) if unconditional else None
        conditioning: Conditioning = self.conditioner(
            Tokens(*prompts.tokens), prompts.seconds, keep
        )
        return conditioning

    def latents_for(self, seconds: float) -> int:
        """Return the number of latents that cover the seconds, in whole patches."""
        patch = self.config.transformer.patch_size
        latents = self.codec.latents_for(round(seconds * self.sample_rate))
        return -(-latents // patch) * patch

    @property
    def samples_per_latent(self) -> int:
        """Samples that one latent stands for."""
        return self.codec.samples_per_latent

    def encode(self, audio: Tensor, random: torch.Generator) -> Tensor:
        """Return the posterior's mean: nothing is drawn."""
        return self.codec.encode(audio)

    def decode(self, latents: Tensor, frames: int, seed: int) -> Tensor:
        """Decode, normalised in loudness; `seed` draws the phases of noise-like parts."""
        latents = smooth_latents(latents, self.config.smoothing)
        return normalise_loudness(self.codec.decode(latents, seed)[..., :frames], self.sample_rate)


def load_model(folder: Path) -> tuple[SoundModel, ModelCard]:
    """Load a model folder of either layout, or a LoRA's and its base, as float32 on the CPU.

    Raises EngineError with a sentence that names what is missing, extra, misshapen or broken.
    """
    card = read_card(folder)
    if has_adapter(folder):
        adapter = read_adapter_file(folder)
        changes = read_adapter(adapter.weights)
        model, _ = load_model(adapter.base)
        change_weights(model.adaptable_weights(), changes, adapter.strength, adapter.weights)
        return model, card
    published = find_published(folder)
    if published is not None and not (folder / CARD_FILE).exists():
        return load_published(folder, published).eval(), card
    try:
        config = from_table(ModelConfig, read_toml(folder / CONFIG), CONFIG)
    except ConfigError as error:
        raise EngineError(f"The model in {folder} cannot be used: {error}") from error
    model = PingpadModel(config, card.vocabulary)
    wanted = model.state_dict()
    weights = read_tensors(folder / WEIGHTS)
    check_tensors({name: tensor.shape for name, tensor in wanted.items()}, weights, folder)
    model.load_state_dict({name: tensor.to(wanted[name].dtype) for name, tensor in weights.items()})
    return model.eval(), card
