"""Published models: Stable Audio Open and the small Stable Audio 3. Needs torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from engine.api import EngineError
from engine.clip import SAMPLE_RATE_HZ
from engine.files.strict import ConfigError
from engine.hardware.weights import build_unfilled, check_tensors, read_tensors
from engine.library.published_files import PublishedFiles, read_config
from engine.loading.sound_model import DecodeWindows, SoundModel, TokenizedPrompts, layer_weights
from engine.loading.stable_audio.config_open import parse_config
from engine.loading.stable_audio.sizes import START, TOTAL, PublishedConfig, SecondsConfig
from engine.loading.stable_audio.text_encoder import find_text_encoder, load_text_encoder
from engine.models.dit import Conditioning, DiffusionTransformer
from engine.models.oobleck import Oobleck
from engine.models.prompt_t5 import FixedSecondsEmbedder, PromptEncoder, SecondsEmbedder
from engine.models.same import Same, SameConfig

TRANSFORMER = "model.model."
CODEC = "pretransform.model."
PADDING = "conditioner.conditioners.prompt.padding_embedding"
_SECONDS_NAMES = {
    "weights": "0.weights",
    "linear.weight": "1.weight",
    "linear.bias": "1.bias",
}
TOKEN_MULTIPLE = 16
"""On a GPU prompts are padded to multiples of this, so that few CUDA graphs serve all."""
DURATION_PADDING_S = 6.0
"""Seconds that Stable Audio 3 generates after the requested length, and cuts off."""


def seconds_prefix(name: str) -> str:
    """Return the prefix of the tensors of this number's embedder."""
    return f"conditioner.conditioners.{name}.embedder.embedding."


class PublishedNetworks(nn.Module):
    """The networks that a published checkpoint holds."""

    def __init__(self, config: PublishedConfig) -> None:
        super().__init__()
        self.codec = (
            Same(config.codec) if isinstance(config.codec, SameConfig) else Oobleck(config.codec)
        )
        self.transformer = DiffusionTransformer(config.transformer)
        width = config.transformer.cond_token_dim
        self.seconds = nn.ModuleDict(
            {name: _make_embedder(width, seconds) for name, seconds in config.numbers.items()}
        )
        self.padding = nn.Parameter(torch.zeros(width)) if config.prompt.gemma else None

    def published_shapes(self) -> dict[str, torch.Size]:
        """Return names and shapes of the tensors in a checkpoint of this config."""
        network = self.transformer.state_dict()
        shapes = {TRANSFORMER + name: tensor.shape for name, tensor in network.items()}
        for number, embedder in self.seconds.items():
            prefix = seconds_prefix(number)
            own = embedder.state_dict()
            shapes |= {prefix + _SECONDS_NAMES[name]: own[name].shape for name in own}
        if self.padding is not None:
            shapes[PADDING] = self.padding.shape
        codec = self.codec.published_shapes()
        return shapes | {CODEC + name: shape for name, shape in codec.items()}

    def fill(self, tensors: dict[str, Tensor]) -> None:
        """Fill all networks with float32 copies of a checkpoint's tensors."""
        codec = self.codec.fold_weight_norm(_part(tensors, CODEC))
        self.codec.load_state_dict(codec, assign=True)
        for number, embedder in self.seconds.items():
            published = _copy_all(_part(tensors, seconds_prefix(number)))
            own = {name: published[_SECONDS_NAMES[name]] for name in embedder.state_dict()}
            embedder.load_state_dict(own, assign=True)
        if self.padding is not None:
            self.padding = nn.Parameter(tensors[PADDING].to(torch.float32, copy=True))
        self.transformer.load_state_dict(_copy_all(_part(tensors, TRANSFORMER)), assign=True)


def _make_embedder(width: int, config: SecondsConfig) -> nn.Module:
    kind = FixedSecondsEmbedder if config.fixed_fourier else SecondsEmbedder
    return kind(width, config.max_val)


class PublishedModel(SoundModel):
    """A published model: its networks and the text encoder that it names."""

    captures_whole = True

    def __init__(
        self, config: PublishedConfig, networks: PublishedNetworks, prompt: PromptEncoder
    ) -> None:
        super().__init__()
        self.config = config
        self.sampling = config.sampling
        self.sample_rate = SAMPLE_RATE_HZ
        self.source_peak = None
        self.codec = networks.codec
        self.transformer = networks.transformer
        self.seconds = networks.seconds
        self.prompt = prompt
        if networks.padding is not None:
            self.prompt.padding = networks.padding.detach()

    def tokenize(self, prompts: Sequence[str], seconds: float) -> TokenizedPrompts:
        """Return ids and which are real; on a GPU padded to few lengths, for CUDA graphs."""
        device = next(self.seconds.parameters()).device
        tokens = self.prompt.tokenize(prompts, 1 if device.type == "cpu" else TOKEN_MULTIPLE)
        all_seconds = torch.full((len(prompts),), seconds, device=device)
        return TokenizedPrompts(tokens, all_seconds, self._valid_length(seconds))

    def condition(self, prompts: TokenizedPrompts, *, unconditional: bool = False) -> Conditioning:
        """Return prompt tokens and one token of each number; all zero when unconditional."""
        values = {START: torch.zeros_like(prompts.seconds), TOTAL: prompts.seconds}
        numbers = [embedder(values[name]) for name, embedder in self.seconds.items()]
        global_cond, valid = torch.cat(numbers, dim=1), prompts.valid_length
        if unconditional:
            count = self.config.prompt.max_length + len(numbers)
            shape = len(global_cond), count, self.config.transformer.cond_token_dim
            zeros = global_cond.new_zeros(shape)
            return Conditioning(zeros, None, global_cond, valid_length=valid)
        tokens = torch.cat([self.prompt(*prompts.tokens), torch.stack(numbers, dim=1)], dim=1)
        return Conditioning(tokens, None, global_cond, valid_length=valid)

    def adaptable_weights(self) -> dict[str, Tensor]:
        """Return the transformer's weights and those of the embeddings of numbers."""
        numbers = {
            f"conditioners.{name}.embedder.embedding.1": cast(SecondsEmbedder, part).linear.weight
            for name, part in self.seconds.items()
        }
        return layer_weights(self.transformer) | {k: v.data for k, v in numbers.items()}

    def latents_for(self, seconds: float) -> int:
        """Return the model's full length: it learnt to fill the rest with silence.

        Stable Audio 3 makes any length: the requested one and padding, in whole chunks.
        """
        if not isinstance(self.config.codec, SameConfig):
            return self.config.latents
        chunk = self.config.codec.chunk_latents * self.samples_per_latent
        chunks = -(-self._count_samples(seconds + DURATION_PADDING_S) // chunk)
        return min(chunks * self.config.codec.chunk_latents, self.config.latents)

    def _count_samples(self, seconds: float) -> int:
        """Count samples, rounded down as in the reference code."""
        return int(seconds * self.sample_rate)

    def _valid_length(self, seconds: float) -> int | None:
        """Return how many latents are not padding for Stable Audio 3; None means all."""
        if not isinstance(self.config.codec, SameConfig):
            return None
        padding = self._count_samples(DURATION_PADDING_S) // self.samples_per_latent
        valid = -(-self._count_samples(seconds) // self.samples_per_latent) + padding
        return valid if valid < self.latents_for(seconds) else None

    @property
    def samples_per_latent(self) -> int:
        """Samples that one latent stands for."""
        return self.config.codec.samples_per_latent

    def encode(self, audio: Tensor, random: torch.Generator) -> Tensor:
        """Encode; Oobleck draws from the posterior, SAME has none."""
        if isinstance(self.codec, Same):
            return self.codec.encode(audio)
        latents = audio.shape[-1] // self.samples_per_latent
        shape = (len(audio), self.config.codec.latent_dim, latents)
        return self.codec.encode(audio, torch.randn(shape, generator=random).to(audio))

    def make_inpaint_cond(self, audio: Tensor, seconds: float, begin: float, end: float) -> Tensor:
        """Keep latents that begin outside `begin` to `end` and within the seconds."""
        if not isinstance(self.codec, Same):
            return super().make_inpaint_cond(audio, seconds, begin, end)
        latents = self.codec.encode(audio)
        first = torch.arange(latents.shape[-1], device=audio.device) * self.samples_per_latent
        remade = (first >= self._count_samples(begin)) & (first < self._count_samples(end))
        keep = ~remade & (first < self._count_samples(seconds))
        mask = keep.to(latents.dtype).expand(len(audio), 1, -1)
        return torch.cat([mask, latents * mask], dim=1)

    def decode_whole(self, latents: Tensor, count: int) -> Tensor:
        """Decode in one piece."""
        return self.codec.decode_part(latents, 0, count)

    def decode(self, latents: Tensor, frames: int, seed: int) -> Tensor:
        """Decode only the latents that the requested frames depend on."""
        return torch.cat(list(self.decode_windows(latents, frames, seed, DecodeWindows())), dim=-1)

    def decode_windows(
        self, latents: Tensor, frames: int, seed: int, windows: DecodeWindows
    ) -> Iterator[Tensor]:
        """Yield the same sound in windows, each decoded with the latents that it depends on."""
        needed = min(-(-frames // self.samples_per_latent), latents.shape[-1])
        for part in self.codec.decode_windows(latents, needed, windows.first, windows.later):
            yield part[..., :frames].cpu()
            frames -= part.shape[-1]


def load_published(folder: Path, files: PublishedFiles) -> PublishedModel:
    """Load a published folder as float32 on the CPU.

    Raises EngineError with a sentence that names what is missing, extra, misshapen, broken or
    not playable.
    """
    try:
        config = parse_config(read_config(files.config))
    except ConfigError as error:
        reason = str(error).rstrip(".")
        raise EngineError(f"The model in {folder} cannot be played: {reason}.") from error
    # First: it is quick, and the text encoder is what new players most often lack.
    encoder = find_text_encoder(folder, config.prompt)
    prompt = load_text_encoder(encoder, config.prompt, config.transformer.cond_token_dim)
    networks = build_unfilled(lambda: PublishedNetworks(config), folder)
    tensors = read_tensors(files.weights)
    check_tensors(networks.published_shapes(), tensors, folder)
    networks.fill(tensors)
    return PublishedModel(config, networks, prompt)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _copy_all(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return float32 copies: the mapped file may change while the model is in use."""
    return {name: tensor.to(torch.float32, copy=True) for name, tensor in tensors.items()}
