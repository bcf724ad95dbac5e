"""Conditioners of the published models: prompt by T5 or T5Gemma, and seconds. Needs torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from engine.models.conditioning import NumberEmbedder
from engine.models.layers import FixedFourierFeatures
from engine.models.t5 import T5Encoder
from engine.models.t5gemma import T5GemmaEncoder

MOST_TOKENS = 512
"""The longest prompt that T5 was trained on."""
FREQUENCIES = 128


@dataclass(frozen=True, slots=True)
class PromptConfig:
    """Which encoder reads the prompt, and how many tokens; T5's last one is the end mark.

    Fields are named as in the published configs. With `gemma` the encoder is T5Gemma, from the
    model's folder or from `repository` on Hugging Face; those models have a learnt padding
    embedding.
    """

    t5_model_name: str = "t5-base"
    max_length: int = 64
    gemma: bool = False
    repository: str = ""

    def __post_init__(self) -> None:
        """Refuse lengths that the encoder cannot read."""
        if not 2 <= self.max_length <= MOST_TOKENS:
            raise ValueError(f"max_length must be 2..{MOST_TOKENS}, got {self.max_length}")


class PromptEncoder(nn.Module):
    """Encodes prompts to (B, most_tokens, width), with `padding` (width,) after the last token.

    It is zero unless the model has learnt one. The published transformers attend to padding too, so
    there is no mask.
    """

    padding: Tensor

    def __init__(
        self, t5: T5Encoder | T5GemmaEncoder, tokenizer: Tokenizer, most_tokens: int
    ) -> None:
        super().__init__()
        self.t5 = t5
        width = t5.shared.embedding_dim
        self.register_buffer("padding", torch.zeros(width), persistent=False)
        self.most_tokens = most_tokens
        tokenizer.enable_truncation(most_tokens)
        tokenizer.no_padding()
        self._tokenizer = tokenizer

    def tokens(self, prompts: Sequence[str]) -> list[list[int]]:
        """Return ids of each prompt's tokens, T5's end mark last, at most most_tokens of them."""
        # The tokenizer rejects lone surrogates, which pasted text may hold.
        texts = [prompt.encode("utf-8", "replace").decode() for prompt in prompts]
        return [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]

    def tokenize(self, prompts: Sequence[str], multiple: int = 1) -> tuple[Tensor, Tensor]:
        """Return ids (B, S) and which are real (B, S), on the encoder's device.

        S is that of the longest prompt, rounded up to a multiple: the result is still exact.
        """
        rows = self.tokens(prompts)
        longest = -(-max(map(len, rows)) // multiple) * multiple
        ids = torch.zeros(len(rows), min(longest, self.most_tokens), dtype=torch.long)
        real = torch.zeros(ids.shape, dtype=torch.bool)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
            real[i, : len(row)] = True
        device = self.t5.shared.weight.device
        return ids.to(device), real.to(device)

    def forward(self, ids: Tensor, real: Tensor) -> Tensor:
        """Encode the tokens of `tokenize`: (B, most_tokens, width)."""
        encoded = torch.where(real[..., None], self.t5(self.t5.shared(ids), real), self.padding)
        rest = self.padding.expand(len(ids), self.most_tokens - ids.shape[1], -1)
        return torch.cat([encoded, rest], dim=1)


class SecondsEmbedder(NumberEmbedder):
    """A number of seconds 0..largest as the published models embed it: (B,) to (B, width)."""

    def __init__(self, width: int, largest: float) -> None:
        super().__init__(width, largest)
        self.weights = nn.Parameter(torch.randn(FREQUENCIES))
        self.linear = nn.Linear(2 * FREQUENCIES + 1, width)


class FixedSecondsEmbedder(nn.Module):
    """A number of seconds 0..largest as Stable Audio 3 embeds it: (B,) to (B, width)."""

    def __init__(self, width: int, largest: float) -> None:
        super().__init__()
        self.largest = largest
        self.features = FixedFourierFeatures(2 * FREQUENCIES)
        self.linear = nn.Linear(2 * FREQUENCIES, width)

    def forward(self, number: Tensor) -> Tensor:
        """Map (B,) to (B, width)."""
        share = number.float().clamp(0, self.largest) / self.largest
        out: Tensor = self.linear(self.features(share[:, None]).to(self.linear.weight.dtype))
        return out
