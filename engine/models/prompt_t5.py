"""Prompt and length of the published models: T5 tokens, a seconds token. Engine process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from engine.models.conditioning import NumberEmbedder
from engine.models.t5 import T5Encoder

MOST_TOKENS = 512
"""T5 was trained on no more."""
FREQUENCIES = 128


@dataclass(frozen=True, slots=True)
class PromptConfig:
    """Which T5 reads the prompt and how many tokens of it; the last one is the end mark.

    The names are those of the published configs.
    """

    t5_model_name: str = "t5-base"
    max_length: int = 64

    def __post_init__(self) -> None:
        """Refuse lengths that T5 cannot read."""
        if not 2 <= self.max_length <= MOST_TOKENS:
            raise ValueError(f"max_length must be 2..{MOST_TOKENS}, got {self.max_length}")


class PromptEncoder(nn.Module):
    """Prompts to (B, most_tokens, width), zero where a prompt has no token.

    The published transformers attend to those zeros as well: no mask goes with them.
    """

    def __init__(self, t5: T5Encoder, tokenizer: Tokenizer, most_tokens: int) -> None:
        super().__init__()
        self.t5 = t5
        self.most_tokens = most_tokens
        tokenizer.enable_truncation(most_tokens)
        tokenizer.no_padding()
        self._tokenizer = tokenizer

    def tokens(self, prompts: Sequence[str]) -> list[list[int]]:
        """Ids of each prompt's tokens, the end mark last, at most most_tokens of them."""
        # Half a surrogate pair is no text to the tokenizer, but may be pasted.
        texts = [prompt.encode("utf-8", "replace").decode() for prompt in prompts]
        return [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]

    def forward(self, prompts: Sequence[str]) -> Tensor:
        """Encode. Only as many tokens as the longest prompt has go through T5: that is exact."""
        rows = self.tokens(prompts)
        weight = self.t5.shared.weight
        ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
        real = torch.zeros(ids.shape, dtype=torch.bool)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
            real[i, : len(row)] = True
        ids, real = ids.to(weight.device), real.to(weight.device)
        encoded = self.t5(self.t5.shared(ids), real) * real[..., None]
        padding = self.most_tokens - ids.shape[1]
        return nn.functional.pad(encoded, (0, 0, 0, padding))


class SecondsEmbedder(NumberEmbedder):
    """A number of seconds 0..largest as the published models embed it: (B,) to (B, width)."""

    def __init__(self, width: int, largest: float) -> None:
        super().__init__(width, largest)
        self.weights = nn.Parameter(torch.randn(FREQUENCIES))
        self.linear = nn.Linear(2 * FREQUENCIES + 1, width)
