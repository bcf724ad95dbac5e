"""A model as stable-audio-tools publishes it, stable-audio-open-small for one. Engine process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from engine.api import EngineError
from engine.models.dit import Conditioning, DiffusionTransformer
from engine.models.oobleck import Oobleck, folded
from engine.models.prompt_t5 import PromptEncoder, SecondsEmbedder
from engine.playable import PlayableModel, Windows, layer_weights
from engine.published_config import START, TOTAL, PublishedConfig, parse_config
from engine.published_files import PublishedFiles, read_config
from engine.text_encoder_folder import find_text_encoder, load_text_encoder
from engine.toml_config import ConfigError
from engine.weights import check_tensors, read_tensors, unfilled

TRANSFORMER = "model.model."
CODEC = "pretransform.model."
_SECONDS_NAMES = {
    "0.weights": "weights",
    "1.weight": "linear.weight",
    "1.bias": "linear.bias",
}


def seconds_prefix(name: str) -> str:
    """What the names of the tensors begin with that embed this number."""
    return f"conditioner.conditioners.{name}.embedder.embedding."


class PublishedNetworks(nn.Module):
    """The networks that a published checkpoint holds."""

    def __init__(self, config: PublishedConfig) -> None:
        super().__init__()
        self.codec = Oobleck(config.codec)
        self.transformer = DiffusionTransformer(config.transformer)
        width = config.transformer.cond_token_dim
        self.seconds = nn.ModuleDict(
            {name: SecondsEmbedder(width, told.max_val) for name, told in config.numbers.items()}
        )

    def published_shapes(self) -> dict[str, torch.Size]:
        """Names and shapes of the tensors of a checkpoint that fits."""
        network = self.transformer.state_dict()
        shapes = {TRANSFORMER + name: tensor.shape for name, tensor in network.items()}
        for number, embedder in self.seconds.items():
            own, prefix = embedder.state_dict(), seconds_prefix(number)
            shapes |= {prefix + name: own[inner].shape for name, inner in _SECONDS_NAMES.items()}
        codec = self.codec.published_shapes()
        return shapes | {CODEC + name: shape for name, shape in codec.items()}

    def take(self, tensors: dict[str, Tensor]) -> None:
        """Fill all networks, float32, with copies of a checkpoint's tensors."""
        self.codec.load_state_dict(folded(_part(tensors, CODEC)), assign=True)
        for number, embedder in self.seconds.items():
            held = _copies(_part(tensors, seconds_prefix(number)))
            named = {own: held[name] for name, own in _SECONDS_NAMES.items()}
            embedder.load_state_dict(named, assign=True)
        self.transformer.load_state_dict(_copies(_part(tensors, TRANSFORMER)), assign=True)


class PublishedModel(PlayableModel):
    """A published model that plays: its networks and the text encoder that it names."""

    def __init__(
        self, config: PublishedConfig, networks: PublishedNetworks, prompt: PromptEncoder
    ) -> None:
        super().__init__()
        self.config = config
        self.sampling = config.sampling
        self.source_peak = None
        self.codec = networks.codec
        self.transformer = networks.transformer
        self.seconds = networks.seconds
        self.prompt = prompt

    def condition(self, prompt: str, seconds: float, *, promptless: bool = False) -> Conditioning:
        """Prompt tokens and one token of each number; without a prompt all tokens are zero."""
        told = {START: 0.0, TOTAL: seconds}
        device = next(self.seconds.parameters()).device
        numbers = [
            embedder(torch.tensor([told[name]], device=device))
            for name, embedder in self.seconds.items()
        ]
        overall = torch.cat(numbers, dim=1)
        if promptless:
            count = self.config.prompt.max_length + len(numbers)
            hidden = overall.new_zeros(1, count, self.config.transformer.cond_token_dim)
            return Conditioning(hidden, None, overall)
        tokens = torch.cat([self.prompt([prompt]), torch.stack(numbers, dim=1)], dim=1)
        return Conditioning(tokens, None, overall)

    def adaptable(self) -> dict[str, Tensor]:
        """The transformer's weights and those of the embeddings of numbers."""
        numbers = {
            f"conditioners.{name}.embedder.embedding.1": cast(SecondsEmbedder, part).linear.weight
            for name, part in self.seconds.items()
        }
        return layer_weights(self.transformer) | {k: v.data for k, v in numbers.items()}

    def latents_for(self, seconds: float) -> int:
        """Those of the model's whole length: it learnt to fill the rest with silence."""
        return self.config.latents

    @property
    def samples_per_latent(self) -> int:
        """Samples that one latent stands for."""
        return self.config.codec.samples_per_latent

    def encode(self, audio: Tensor, random: torch.Generator) -> Tensor:
        """Latents of a sound, drawn as the published models draw them."""
        latents = audio.shape[-1] // self.samples_per_latent
        shape = (len(audio), self.config.codec.latent_dim, latents)
        return self.codec.encode(audio, torch.randn(shape, generator=random).to(audio))

    def decode(self, latents: Tensor, frames: int, seed: int) -> Tensor:
        """The first frames of latents; only what those depend on is decoded."""
        return torch.cat(list(self.decode_parts(latents, frames, seed, Windows())), dim=-1)

    def decode_parts(
        self, latents: Tensor, frames: int, seed: int, windows: Windows
    ) -> Iterator[Tensor]:
        """The same sound in windows, each with the latents around it that it depends on."""
        needed = min(-(-frames // self.samples_per_latent), latents.shape[-1])
        for part in self.codec.decode_windows(latents, needed, windows.first, windows.later):
            yield part[..., :frames].cpu()
            frames -= part.shape[-1]


def load_published(folder: Path, files: PublishedFiles) -> PublishedModel:
    """Load a published folder, float32, on the CPU.

    Raises EngineError with a sentence that names what is missing, extra, misshapen, broken or
    not playable.
    """
    try:
        config = parse_config(read_config(files.config))
    except ConfigError as error:
        raise EngineError(f"The model in {folder} cannot be played: {error}") from error
    # First, since it is soon done, and the first thing that is missing for new players.
    encoder = find_text_encoder(folder, config.prompt.t5_model_name)
    prompt = load_text_encoder(encoder, config.prompt, config.transformer.cond_token_dim)
    networks = unfilled(lambda: PublishedNetworks(config), folder)
    tensors = read_tensors(files.weights)
    check_tensors(networks.published_shapes(), tensors, folder)
    networks.take(tensors)
    return PublishedModel(config, networks, prompt)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _copies(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Float32 tensors apart from their file, which may change while the model plays."""
    return {name: tensor.to(torch.float32, copy=True) for name, tensor in tensors.items()}
