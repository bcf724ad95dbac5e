"""The diffusion transformer of the paper's family, sized by its config. Engine process.

Layout and names of weights follow stable-audio-open-small: QK-norm, rotary positions on part of
each head, timestep and global condition prepended as token 0, cross attention to the prompt.
With `modulated` the global condition also steers every block, and with `latents_per_second` every
token is told its place in the beat and in the asked length: a small model needs both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from engine.models.layers import (
    Block,
    BlockConfig,
    FourierFeatures,
    KeysValues,
    RotaryEmbedding,
)
from engine.models.timing import TIMING_FEATURES, timing_features

TIMESTEP_FEATURES = 256
LEAST_ROTARY = 32


@dataclass(frozen=True, slots=True)
class DiffusionTransformerConfig:
    """Sizes of the transformer. `patch_size` neighbouring latents make one token.

    `latents_per_second` of 0 leaves the tokens untold of tempo and length. Without
    `project_cond_tokens` conditioning tokens keep their width, with fewer heads.
    """

    io_channels: int = 64
    patch_size: int = 1
    embed_dim: int = 1024
    depth: int = 16
    num_heads: int = 8
    cond_token_dim: int = 768
    global_cond_dim: int = 768
    ff_multiple: int = 4
    modulated: bool = False
    latents_per_second: float = 0.0
    normed_heads: bool = True
    project_cond_tokens: bool = True

    def __post_init__(self) -> None:
        """Refuse sizes that do not fit each other."""
        for field in fields(self):
            if field.type == "int" and getattr(self, field.name) < 1:
                raise ValueError(
                    f"{field.name} must be at least 1, got {getattr(self, field.name)}"
                )
        if self.embed_dim % self.num_heads:
            raise ValueError(
                f"embed_dim {self.embed_dim} must be a multiple of num_heads {self.num_heads}"
            )
        if self.embed_dim // self.num_heads < LEAST_ROTARY:
            raise ValueError(
                f"a head must have at least {LEAST_ROTARY} dims, got "
                f"{self.embed_dim} / {self.num_heads}"
            )
        if self.embed_dim % self.context_width or self.context_width % self.block.head_dims:
            raise ValueError(
                f"cond_token_dim {self.cond_token_dim} must hold heads of {self.block.head_dims} "
                f"dims, and embed_dim {self.embed_dim} a multiple of them"
            )
        if not 0 <= self.latents_per_second < math.inf:
            raise ValueError(
                f"latents_per_second must be at least 0, got {self.latents_per_second}"
            )

    @property
    def context_width(self) -> int:
        """Width of the conditioning tokens that the blocks attend to."""
        return self.embed_dim if self.project_cond_tokens else self.cond_token_dim

    @property
    def block(self) -> BlockConfig:
        """Sizes of each block."""
        return BlockConfig(
            self.embed_dim,
            self.num_heads,
            self.context_width,
            self.ff_multiple,
            self.normed_heads,
            self.modulated,
        )


@dataclass(frozen=True, slots=True)
class Conditioning:
    """What the network is told: tokens (B, S, C), which of them are real (B, S), global (B, G).

    `seconds` (B,) and `bpm` (B,), 0 where no tempo is asked for, are for networks with timing.
    """

    tokens: Tensor
    mask: Tensor | None
    overall: Tensor
    seconds: Tensor | None = None
    bpm: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What stays the same at all steps of one generation, for latents of one length.

    `contexts` is what each block attends to; `overall` (B, embed_dim) what is added to the time.
    """

    contexts: tuple[Tensor | KeysValues, ...]
    mask: Tensor | None
    overall: Tensor
    table: tuple[Tensor, Tensor]
    timing: Tensor | float


class Transformer(nn.Module):
    """The stack of blocks between two projections."""

    def __init__(self, config: DiffusionTransformerConfig) -> None:
        super().__init__()
        width, channels = config.embed_dim, config.io_channels * config.patch_size
        self.project_in = nn.Linear(channels, width, bias=False)
        self.project_out = nn.Linear(width, channels, bias=False)
        self.rotary_pos_emb = RotaryEmbedding(max(width // config.num_heads // 2, LEAST_ROTARY))
        self.layers = nn.ModuleList(Block(config.block) for _ in range(config.depth))
        if config.modulated:
            last = nn.Linear(width, 6 * width)
            # A modulated network begins as the same network without modulation.
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
            self.global_cond_embedder = nn.Sequential(nn.Linear(width, width), nn.SiLU(), last)
        if config.latents_per_second:
            # So does one with timing, as the same network without it.
            self.to_timing_embed = nn.Linear(TIMING_FEATURES, width)
            nn.init.zeros_(self.to_timing_embed.weight)
            nn.init.zeros_(self.to_timing_embed.bias)


class DiffusionTransformer(nn.Module):
    """Predict the velocity of latents (B, io_channels, L) at times (B,)."""

    def __init__(self, config: DiffusionTransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.recompute = False
        """Whether training keeps only what enters each block, and computes the rest again."""
        width, channels = config.embed_dim, config.io_channels * config.patch_size

        def perceptron(inputs: int, outputs: int, bias: bool = False) -> nn.Sequential:
            return nn.Sequential(
                nn.Linear(inputs, outputs, bias), nn.SiLU(), nn.Linear(outputs, outputs, bias)
            )

        self.timestep_features = FourierFeatures(TIMESTEP_FEATURES)
        self.to_timestep_embed = perceptron(TIMESTEP_FEATURES, width, bias=True)
        self.to_cond_embed = perceptron(config.cond_token_dim, config.context_width)
        self.to_global_embed = perceptron(config.global_cond_dim, width)
        self.preprocess_conv = nn.Conv1d(channels, channels, 1, bias=False)
        self.postprocess_conv = nn.Conv1d(channels, channels, 1, bias=False)
        self.transformer = Transformer(config)
        # The residual 1x1 convolutions start as the identity.
        nn.init.zeros_(self.preprocess_conv.weight)
        nn.init.zeros_(self.postprocess_conv.weight)

    def forward(self, x: Tensor, time: Tensor, conditioning: Conditioning | Known) -> Tensor:
        """Return the velocity, shaped as x; L must be a multiple of patch_size."""
        hidden = self.hidden(x, time, conditioning, self.config.depth)
        y = self.transformer.project_out(hidden[:, 1:]).transpose(1, 2)
        return self._unpatched(self.postprocess_conv(y) + y)

    def known(self, conditioning: Conditioning, latents: int) -> Known:
        """Work out once what `forward` would work out again at each step, to the same numbers."""
        found = self._known(conditioning, latents // self.config.patch_size)
        contexts = tuple(
            block.cross_attn.keys_values(context) if isinstance(context, Tensor) else context
            for block, context in zip(self._blocks, found.contexts, strict=True)
        )
        return replace(found, contexts=contexts)

    def hidden(
        self, x: Tensor, time: Tensor, conditioning: Conditioning | Known, depth: int
    ) -> Tensor:
        """Return what the first `depth` blocks make: (B, 1 + L / patch_size, embed_dim)."""
        transformer = self.transformer
        patched = self._patched(x)
        known = conditioning
        if isinstance(known, Conditioning):
            known = self._known(known, patched.shape[-1])
        features = self.timestep_features(time[:, None]).to(x.dtype)
        overall = known.overall + self.to_timestep_embed(features)
        tokens = (self.preprocess_conv(patched) + patched).transpose(1, 2)
        inputs = transformer.project_in(tokens) + known.timing
        hidden = torch.cat([overall[:, None], inputs], dim=1)
        modulation = transformer.global_cond_embedder(overall) if self.config.modulated else None
        for block, context in zip(self._blocks[:depth], known.contexts[:depth], strict=True):
            given = (hidden, context, known.mask, known.table, modulation)
            if self.recompute and torch.is_grad_enabled():
                hidden = checkpoint(block, *given, use_reentrant=False)
            else:
                hidden = block(*given)
        return hidden

    @property
    def _blocks(self) -> list[Block]:
        return [cast(Block, block) for block in self.transformer.layers]

    def _known(self, conditioning: Conditioning, tokens: int) -> Known:
        return Known(
            (self.to_cond_embed(conditioning.tokens),) * len(self.transformer.layers),
            conditioning.mask,
            self.to_global_embed(conditioning.overall),
            self.transformer.rotary_pos_emb.table(1 + tokens),
            self._timing(tokens, conditioning),
        )

    def _timing(self, tokens: int, conditioning: Conditioning) -> Tensor | float:
        """What so many tokens are told of their places: (B, tokens, embed_dim)."""
        if not self.config.latents_per_second:
            return 0.0
        if conditioning.seconds is None or conditioning.bpm is None:
            raise ValueError("a network with timing must be told seconds and bpm")
        per_second = self.config.latents_per_second / self.config.patch_size
        features = timing_features(tokens, per_second, conditioning.seconds, conditioning.bpm)
        embed = self.transformer.to_timing_embed
        told: Tensor = embed(features.to(embed.weight.dtype))
        return told

    def _patched(self, x: Tensor) -> Tensor:
        """(B, C, L) to (B, patch_size * C, L / patch_size)."""
        size = self.config.patch_size
        if x.shape[-1] % size:
            raise ValueError(f"{x.shape[-1]} latents do not split into patches of {size}")
        return x.unflatten(-1, (-1, size)).permute(0, 3, 1, 2).flatten(1, 2)

    def _unpatched(self, y: Tensor) -> Tensor:
        """Undo `_patched`."""
        size = self.config.patch_size
        return y.unflatten(1, (size, -1)).permute(0, 2, 3, 1).flatten(2)
