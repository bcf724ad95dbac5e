"""Our own audio-text embedding model: sounds and captions in one space. Needs torch.

Small on purpose: it is trained on a laptop, and it evaluates sounds, it does not generate them. Two
towers and cosine similarity, as CLAP (Wu et al. 2023, "Large-scale contrastive language-audio
pretraining").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.models.conditioning import (
    FIRST_WORD,
    NOTE,
    NUMBER,
    VALUE_PERIODS,
    PromptTokenizer,
    Tokens,
    value_features,
)
from engine.models.layers import attend
from engine.sound.mel import FRAME_SIZE, mel_frames

LARGEST_SCALE = 100.0
"""Sharper comparisons than this only fit the noise of a batch (as in CLIP)."""
FIRST_SCALE = 14.0
STRIDE = 4
"""Stride of the stem in frames: 80 ms. Its channels encode where in them an onset falls."""


@dataclass(frozen=True, slots=True)
class ContrastiveConfig:
    """Sizes of both towers and of the space they share."""

    dims: int = 128
    width: int = 192
    dilations: tuple[int, ...] = (1, 2, 4, 8, 1)
    text_layers: int = 2
    heads: int = 4
    most_words: int = 48

    def __post_init__(self) -> None:
        """Refuse sizes that make no network."""
        for name in ("dims", "width", "text_layers", "heads", "most_words"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads {self.heads}, got {self.width}")
        if not self.dilations or min(self.dilations) < 1:
            raise ValueError(f"dilations must be 1 or more, got {list(self.dilations)}")


class ContrastiveModel(nn.Module):
    """Two towers; embeddings have length 1, so the product of two is their cosine."""

    def __init__(self, config: ContrastiveConfig, vocabulary: Sequence[str]) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = PromptTokenizer(vocabulary, config.most_words)
        self.audio = AudioTower(config)
        self.text = TextTower(config, len(vocabulary))
        self.log_scale = nn.Parameter(torch.tensor(math.log(FIRST_SCALE)))

    @property
    def scale(self) -> Tensor:
        """The inverse temperature: what cosines are multiplied by before a softmax."""
        return self.log_scale.exp().clamp_max(LARGEST_SCALE)

    def embed_frames(self, frames: Tensor) -> Tensor:
        """Embed frames of `mel_frames` (B, L, FRAME_SIZE): (B, dims)."""
        return functional.normalize(self.audio(frames).float(), dim=-1)

    def embed_audio(self, audio: Tensor) -> Tensor:
        """Embed stereo sound (B, 2, T) at 44.1 kHz: (B, dims)."""
        return self.embed_frames(mel_frames(audio))

    def embed_tokens(self, tokens: Tokens) -> Tensor:
        """Embed tokenized captions: (B, dims)."""
        return functional.normalize(self.text(tokens).float(), dim=-1)

    def embed_text(self, captions: Sequence[str]) -> Tensor:
        """Embed captions: (B, dims)."""
        tokens, device = self.tokenizer(captions), self.log_scale.device
        return self.embed_tokens(tokens.to(device))


class AudioTower(nn.Module):
    """Dilated convolutions over frames, then multi-head attention pooling."""

    def __init__(self, config: ContrastiveConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.stem = nn.Conv1d(FRAME_SIZE, width, 7, stride=STRIDE, padding=3)
        self.blocks = nn.ModuleList(_ConvBlock(width, dilation) for dilation in config.dilations)
        self.norm = nn.LayerNorm(width)
        self.attention = nn.Linear(width, config.heads)
        self.out = nn.Sequential(
            nn.Linear(config.heads * width, 2 * width), nn.GELU(), nn.Linear(2 * width, config.dims)
        )

    def forward(self, frames: Tensor) -> Tensor:
        """Map (B, L, FRAME_SIZE) to (B, dims); trailing silence makes no difference."""
        mask = _make_padding_mask(frames)
        x = self.stem(frames.transpose(1, 2)).transpose(1, 2) * mask
        for block in self.blocks:
            x = x + block(x, mask) * mask
        x = self.norm(x)
        weights = self.attention(x).masked_fill(mask == 0, -1e4).softmax(1)
        pooled = torch.einsum("blh,blw->bhw", weights, x)
        result: Tensor = self.out(pooled.flatten(1))
        return result


class _ConvBlock(nn.Module):
    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.conv = nn.Conv1d(width, 2 * width, 3, padding=dilation, dilation=dilation)
        self.out = nn.Linear(2 * width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        # The norm's bias must not leak from the padding into the sound.
        x = (self.norm(x) * mask).transpose(1, 2)
        result: Tensor = self.out(functional.gelu(self.conv(x).transpose(1, 2)))
        return result


def _make_padding_mask(frames: Tensor) -> Tensor:
    """(B, ceil(L / STRIDE), 1): 1 up to the last group of frames with sound, at least one."""
    sounding = (frames.amax(-1) > 0).to(frames)
    groups = functional.max_pool1d(sounding[:, None], STRIDE, ceil_mode=True)[:, 0]
    until_last = groups.flip(1).cummax(1).values.flip(1)
    first = torch.arange(until_last.shape[1], device=frames.device)[None] == 0
    return torch.where(first, torch.ones_like(until_last), until_last)[..., None]


class TextTower(nn.Module):
    """Self attention between the words of a caption, without positions.

    In the corpus captions differ by their words, which come in any order: "kick, dry, 909".
    """

    def __init__(self, config: ContrastiveConfig, words: int) -> None:
        super().__init__()
        self.words = nn.Embedding(FIRST_WORD + words, config.width)
        self.value = nn.Linear(2 * len(VALUE_PERIODS), config.width)
        self.blocks = nn.ModuleList(
            _TextBlock(config.width, config.heads) for _ in range(config.text_layers)
        )
        self.norm = nn.LayerNorm(config.width)
        self.out = nn.Linear(config.width, config.dims)
        nn.init.normal_(self.words.weight, std=0.5)

    def forward(self, tokens: Tokens) -> Tensor:
        """Map tokens to (B, dims)."""
        has_value = (tokens.ids == NOTE) | (tokens.ids == NUMBER)
        value = self.value(value_features(tokens.values))
        x = self.words(tokens.ids) + value * has_value[..., None]
        for block in self.blocks:
            x = block(x, tokens.real)
        mask = tokens.real[..., None]
        mean = (self.norm(x) * mask).sum(1) / mask.sum(1)
        result: Tensor = self.out(mean)
        return result


class _TextBlock(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.to_qkv = nn.Linear(width, 3 * width)
        self.to_out = nn.Linear(width, width)
        self.perceptron = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in self.to_qkv(self.norm(x)).chunk(3, dim=-1)
        )
        attended = attend(q, k, v, mask[:, None, None, :])
        x = x + self.to_out(attended.transpose(1, 2).flatten(2))
        result: Tensor = x + self.perceptron(x)
        return result
