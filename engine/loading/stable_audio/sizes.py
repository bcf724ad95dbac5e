"""The sizes of a published model, of either family. Needs torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from engine.models.dit_config import DiffusionTransformerConfig
from engine.models.oobleck import OobleckConfig
from engine.models.prompt_t5 import PromptConfig
from engine.models.same import SameConfig
from engine.sampling.config import SamplingConfig

MOST_LAYERS = 256
"""More can only be a mistake, and building them would take very long."""
TOTAL, START = "seconds_total", "seconds_start"
NUMBERS = ((TOTAL,), (START, TOTAL))
"""Numbers that condition a model beside the prompt: length, and start within a longer piece."""


@dataclass(frozen=True, slots=True)
class SecondsConfig:
    """The range of an embedding of seconds; with `fixed_fourier` frequencies are not learnt."""

    min_val: float
    max_val: float
    fixed_fourier: bool = False

    def __post_init__(self) -> None:
        """Refuse ranges that the embedding cannot have."""
        if self.min_val != 0 or not 0 < self.max_val < math.inf:
            raise ValueError(f"seconds must be 0 to above 0, got {self.min_val} to {self.max_val}")


@dataclass(frozen=True, slots=True)
class PublishedConfig:
    """Everything that sizes a published model's networks; `sample_size` in samples.

    `numbers` are those of NUMBERS, by their names and in their order.
    """

    sample_size: int
    codec: OobleckConfig | SameConfig
    transformer: DiffusionTransformerConfig
    prompt: PromptConfig
    numbers: Mapping[str, SecondsConfig]
    sampling: SamplingConfig

    def __post_init__(self) -> None:
        """Refuse networks that do not fit each other."""
        if self.sample_size < 1 or self.sample_size % self.codec.samples_per_latent:
            raise ValueError(
                f"sample_size must be a multiple of {self.codec.samples_per_latent}, "
                f"got {self.sample_size}"
            )
        if max(self.transformer.depth, self.codec.layers) > MOST_LAYERS:
            raise ValueError(f"a network must have at most {MOST_LAYERS} layers")
        if self.transformer.io_channels != self.codec.latent_dim:
            raise ValueError(
                f"the transformer's io_channels must be the latent_dim {self.codec.latent_dim}, "
                f"got {self.transformer.io_channels}"
            )
        wanted = self.transformer.cond_token_dim * len(self.numbers)
        if self.transformer.global_cond_dim != wanted:
            raise ValueError(
                f"global_cond_dim must be {wanted}, cond_token_dim for each number, "
                f"got {self.transformer.global_cond_dim}"
            )

    @property
    def latents(self) -> int:
        """Latents of the model's whole length; Stable Audio Open always denoises all of them."""
        return self.sample_size // self.codec.samples_per_latent
