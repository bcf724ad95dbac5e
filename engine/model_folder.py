"""A model on disk: found, checked, loaded strictly; and written. Engine process.

Our own layout is a folder of card.toml (what it is), config.toml (sizes) and model.safetensors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from engine.api import EngineError
from engine.model_card import ModelCard, read_card
from engine.models.conditioning import Conditioner, ConditionerConfig
from engine.models.dit import DiffusionTransformer, DiffusionTransformerConfig
from engine.models.spectral_codec import SpectralCodec, SpectralCodecConfig
from engine.toml_config import ConfigError, from_table, read_toml

WEIGHTS = "model.safetensors"
CONFIG = "config.toml"
SAMPLERS = ("ping_pong", "euler")


@dataclass(frozen=True, slots=True)
class SamplingConfig:
    """How this model wants to be sampled."""

    sampler: str = "ping_pong"
    guidance: float = 1.0
    shift: float = 1.0

    def __post_init__(self) -> None:
        """Refuse samplers that do not exist and numbers that no sampler can use."""
        if self.sampler not in SAMPLERS:
            raise ValueError(f"sampler must be one of {', '.join(SAMPLERS)}, got {self.sampler}")
        if not math.isfinite(self.guidance):
            raise ValueError(f"guidance must be a finite number, got {self.guidance}")
        if not 0 < self.shift < math.inf:
            raise ValueError(f"shift must be above 0, got {self.shift}")


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Everything that sizes the networks of a model folder."""

    codec: SpectralCodecConfig = field(default_factory=SpectralCodecConfig)
    transformer: DiffusionTransformerConfig = field(default_factory=DiffusionTransformerConfig)
    conditioner: ConditionerConfig = field(default_factory=ConditionerConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)

    def __post_init__(self) -> None:
        """Refuse networks that do not fit each other."""
        check_fit(self.transformer, self.conditioner)
        if self.transformer.io_channels != self.codec.latent_dim:
            raise ValueError(
                f"transformer.io_channels must be codec.latent_dim {self.codec.latent_dim}, "
                f"got {self.transformer.io_channels}"
            )


def check_fit(transformer: DiffusionTransformerConfig, conditioner: ConditionerConfig) -> None:
    """Refuse a transformer that cannot read what the conditioner says."""
    for name in ("cond_token_dim", "global_cond_dim"):
        if getattr(transformer, name) != conditioner.width:
            raise ValueError(
                f"transformer.{name} must be conditioner.width {conditioner.width}, "
                f"got {getattr(transformer, name)}"
            )


class SoundModel(nn.Module):
    """Autoencoder, transformer and conditioner of one model."""

    def __init__(self, config: ModelConfig, vocabulary: tuple[str, ...]) -> None:
        super().__init__()
        self.config = config
        self.codec = SpectralCodec(config.codec)
        self.transformer = DiffusionTransformer(config.transformer)
        self.conditioner = Conditioner(config.conditioner, vocabulary)


def load_model(folder: Path) -> tuple[SoundModel, ModelCard]:
    """Load a model folder, float32, on the CPU.

    Raises EngineError with a sentence that names what is missing, extra, misshapen or broken.
    """
    card = read_card(folder)
    try:
        config = from_table(ModelConfig, read_toml(folder / CONFIG), CONFIG)
    except ConfigError as error:
        raise EngineError(f"The model in {folder} cannot be used: {error}") from error
    model = SoundModel(config, card.vocabulary)
    _fill(model, _read_weights(folder / WEIGHTS), folder)
    return model.eval(), card


def _read_weights(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise EngineError(f"The model in {path.parent} has no {WEIGHTS}: install it again.")
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise EngineError(
            f"{path} is damaged or not whole ({error}): install the model again."
        ) from error


def _fill(model: SoundModel, weights: dict[str, Tensor], folder: Path) -> None:
    wanted = model.state_dict()
    for problem, names in (
        ("lacks", sorted(set(wanted) - set(weights))),
        ("has unknown", sorted(set(weights) - set(wanted))),
    ):
        if names:
            raise EngineError(f"The model in {folder} {problem} tensors: {_some(names)}.")
    for name, tensor in weights.items():
        if tensor.shape != wanted[name].shape:
            raise EngineError(
                f"The model in {folder}: {name} must have shape {tuple(wanted[name].shape)}, "
                f"got {tuple(tensor.shape)}."
            )
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise EngineError(f"The model in {folder}: {name} holds values that are not numbers.")
    model.load_state_dict({name: tensor.to(wanted[name].dtype) for name, tensor in weights.items()})


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
