"""What the generator needs of a model, whatever folder it came from. Engine process."""

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
    """How many latents are decoded at once: in the first part, which may be heard, and later."""

    first: int = WHOLE
    later: int = WHOLE


@dataclass(frozen=True, slots=True)
class Asked:
    """Prompts of equally long sounds as numbers, on the model's device.

    `words` are what the model's own tokenizer makes of B prompts, (B, S) each or (B,); `seconds`
    is (B,). Latents from `valid` on are pads, for models that have them.
    """

    words: tuple[Tensor, ...]
    seconds: Tensor
    valid: int | None = None


class SoundModel(nn.Module, ABC):
    """Words and sounds to and from the latents that its transformer denoises.

    `sample_rate` is in Hz. `source_peak` is the peak that a source is scaled to before it is
    encoded; None leaves its level as it is.
    """

    transformer: DiffusionTransformer
    sampling: SamplingConfig
    sample_rate: int
    source_peak: float | None

    records_all = False
    """Whether reading the prompt and `decode_whole` may be recorded on a GPU, as steps may."""

    @abstractmethod
    def ask(self, prompts: Sequence[str], seconds: float) -> Asked:
        """Return what `condition` reads; all that depends on text happens here."""

    @abstractmethod
    def condition(self, asked: Asked, *, promptless: bool = False) -> Conditioning:
        """Return what the transformer is told; `promptless` hides the prompts, for guidance."""

    @abstractmethod
    def latents_for(self, seconds: float) -> int:
        """Return how many latents are denoised for so many seconds."""

    def adaptable(self) -> dict[str, Tensor]:
        """The weights that a LoRA may change, by the names of their layers."""
        return layer_weights(self.transformer)

    @property
    @abstractmethod
    def samples_per_latent(self) -> int:
        """Samples that one latent stands for."""

    @abstractmethod
    def encode(self, audio: Tensor, random: torch.Generator) -> Tensor:
        """Stereo sound (1, 2, T) of whole latents to latents; `random` draws on the CPU."""

    def kept(self, audio: Tensor, seconds: float, begin: float, end: float) -> Tensor:
        """A recording (1, 2, T) as Conditioning.kept has it, without the part `begin` to `end` (s).

        Raises EngineError where the model cannot.
        """
        raise EngineError(
            "This model cannot make a part of a recording anew: choose a Stable Audio 3 model."
        )

    def decode_windows(
        self, latents: Tensor, frames: int, seed: int, windows: DecodeWindows
    ) -> Iterator[Tensor]:
        """Yield what `decode` returns, in parts where the model can, one after the other."""
        yield self.decode(latents, frames, seed)

    def decode_whole(self, latents: Tensor, count: int) -> Tensor:
        """The samples of the first `count` of latents (B, C, L), (B, 2, T), on their device.

        For models that `records_all`.
        """
        raise NotImplementedError

    @abstractmethod
    def decode(self, latents: Tensor, frames: int, seed: int) -> Tensor:
        """The first `frames` samples of latents (1, C, L) as stereo sound (1, 2, frames).

        There are fewer where the latents end earlier.
        """


def layer_weights(network: nn.Module) -> dict[str, Tensor]:
    """Weights of the linear layers and convolutions of a network, by the names of the layers."""
    return {
        name.removesuffix(".weight"): weight.data
        for name, weight in network.named_parameters()
        if name.endswith(".weight") and weight.dim() > 1
    }
