"""The interface of models that generation uses, whatever their folder's layout. Needs torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.api import EngineError
from engine.models.dit import Conditioning, DiffusionTransformer
from engine.sampling.config import SamplingConfig

WHOLE = 1 << 30
"""More latents than any sound has."""


@dataclass(frozen=True, slots=True)
class DecodeWindows:
    """How many latents are decoded at once: in the first window (the preview) and in later ones."""

    first: int = WHOLE
    later: int = WHOLE


@dataclass(frozen=True, slots=True)
class TokenizedPrompts:
    """Prompts of B equally long sounds as numbers, on the model's device.

    `tokens` are the output of the model's own tokenizer, (B, S) or (B,) each; `seconds` is
    (B,). Latents from `valid_length` on are padding, for models that have it.
    """

    tokens: tuple[Tensor, ...]
    seconds: Tensor
    valid_length: int | None = None


class SoundModel(nn.Module, ABC):
    """A transformer that denoises latents, with its text conditioning and its codec.

    `sample_rate` is in Hz. `source_peak` is the peak that a source is scaled to before it is
    encoded; None leaves its level as it is.
    """

    transformer: DiffusionTransformer
    sampling: SamplingConfig
    sample_rate: int
    source_peak: float | None

    captures_whole = False
    """Whether text encoder and `decode_whole` may be captured in a CUDA graph, as steps may."""

    @abstractmethod
    def tokenize(self, prompts: Sequence[str], seconds: float) -> TokenizedPrompts:
        """Return the input of `condition`; all handling of text happens here."""

    @abstractmethod
    def condition(self, prompts: TokenizedPrompts, *, unconditional: bool = False) -> Conditioning:
        """Return the transformer's conditioning; `unconditional` leaves the prompts out."""

    @abstractmethod
    def latents_for(self, seconds: float) -> int:
        """Return how many latents are denoised for so many seconds."""

    def adaptable_weights(self) -> dict[str, Tensor]:
        """Return the weights that a LoRA may change, by the names of their layers."""
        return layer_weights(self.transformer)

    @property
    @abstractmethod
    def samples_per_latent(self) -> int:
        """Samples that one latent stands for."""

    @abstractmethod
    def encode(self, audio: Tensor, random: torch.Generator) -> Tensor:
        """Encode stereo sound (1, 2, T), T in whole latents; `random` draws on the CPU."""

    def make_inpaint_cond(self, audio: Tensor, seconds: float, begin: float, end: float) -> Tensor:
        """Return Conditioning.inpaint_cond of a source (1, 2, T), without `begin` to `end` (s).

        Raises EngineError where the model cannot inpaint.
        """
        raise EngineError(
            "This model cannot make a part of a recording anew: choose a Stable Audio 3 model."
        )

    def decode_windows(
        self, latents: Tensor, frames: int, seed: int, windows: DecodeWindows
    ) -> Iterator[Tensor]:
        """Yield the output of `decode`, window by window if the model can."""
        yield self.decode(latents, frames, seed)

    def decode_whole(self, latents: Tensor, count: int) -> Tensor:
        """Decode the first `count` of latents (B, C, L) to (B, 2, T), on their device.

        For models with `captures_whole`.
        """
        raise NotImplementedError

    @abstractmethod
    def decode(self, latents: Tensor, frames: int, seed: int) -> Tensor:
        """Return the first `frames` samples of latents (1, C, L), (1, 2, frames), on the CPU.

        There are fewer where the latents end earlier.
        """


def layer_weights(network: nn.Module) -> dict[str, Tensor]:
    """Return the weights of linear layers and convolutions, by the names of the layers."""
    return {
        name.removesuffix(".weight"): weight.data
        for name, weight in network.named_parameters()
        if name.endswith(".weight") and weight.dim() > 1
    }
