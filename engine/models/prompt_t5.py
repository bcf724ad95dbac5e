"""Prompt and length of the published models: T5's or T5Gemma's tokens, a seconds token.

Needs torch.
"""

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
"""T5 was trained on no more."""
FREQUENCIES = 128


@dataclass(frozen=True, slots=True)
class PromptConfig:
    """Which encoder reads the prompt and how many tokens of it; T5's last one is the end mark.

    The names are those of the published configs. A `gemma` is T5Gemma, in the model's folder or in
    that of `repository` on Hugging Face; its models learnt what stands where there is no token.
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
    """Prompts to (B, most_tokens, width), `padding` (width,) where a prompt has no token.

    It is zero until the model says otherwise. The published transformers attend to it as well: no
    mask goes with the tokens.
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
        # Half a surrogate pair is no text to the tokenizer, but may be pasted.
        texts = [prompt.encode("utf-8", "replace").decode() for prompt in prompts]
        return [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]

    def tokenize(self, prompts: Sequence[str], multiple: int = 1) -> tuple[Tensor, Tensor]:
        """Return ids (B, S) and which are real (B, S), on the encoder's device.

        S is no more than the longest prompt needs, which is exact, rounded up to a multiple.
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
        """Encode what `tokenize` returned."""
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
        """(B,) to (B, width)."""
        share = number.float().clamp(0, self.largest) / self.largest
        out: Tensor = self.linear(self.features(share[:, None]).to(self.linear.weight.dtype))
        return out
