"""The diffusion transformer of the paper's family, sized by its config. Engine process.

Layout and names of weights follow stable-audio-open-small: QK-norm, rotary positions on part of
each head, timestep and global condition prepended as token 0, cross attention to the prompt.
With `modulated` the global condition also steers every block, and with `latents_per_second` every
token is told its place in the beat and in the asked length: a small model needs both. Stable Audio
3 is `adaptive`: the global condition steers every block and is no token, but there are tokens of
memory, which are learnt (Darcet et al. 2023, "Vision transformers need registers").
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from itertools import islice
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from engine.models.layers import (
    Block,
    BlockConfig,
    EvenFourierFeatures,
    FourierFeatures,
    KeysValues,
    RotaryEmbedding,
    Steering,
)
from engine.models.timing import TIMING_FEATURES, timing_features

TIMESTEP_FEATURES = 256
LEAST_ROTARY = 32
_MAY_BE_NONE = ("memory_tokens", "local_dims")


@dataclass(frozen=True, slots=True)
class DiffusionTransformerConfig:
    """Sizes of the transformer. `patch_size` neighbouring latents make one token.

    `latents_per_second` of 0 leaves the tokens untold of tempo and length. Without
    `project_cond_tokens` conditioning tokens keep their width, with fewer heads. `local_dims` is
    the width of what each latent is told by itself (see Conditioning.kept); `root_mean_square` says
    how all is normalised, `even_times` that frequencies of times are not learnt.
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
    adaptive: bool = False
    memory_tokens: int = 0
    local_dims: int = 0
    root_mean_square: bool = False
    even_times: bool = False

    def __post_init__(self) -> None:
        """Refuse sizes that do not fit each other."""
        for field in fields(self):
            least = 0 if field.name in _MAY_BE_NONE else 1
            if field.type == "int" and getattr(self, field.name) < least:
                raise ValueError(
                    f"{field.name} must be at least {least}, got {getattr(self, field.name)}"
                )
        if self.local_dims and not self.adaptive:
            raise ValueError("only an adaptive network has local_dims")
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
            self.modulated or self.adaptive,
            self.adaptive,
            self.root_mean_square,
            self.local_dims,
        )

    @property
    def leading_tokens(self) -> int:
        """Tokens before those of the latents: memory, and the global condition where it is one."""
        return self.memory_tokens + (not self.adaptive)


@dataclass(frozen=True, slots=True)
class Conditioning:
    """What the network is told: tokens (B, S, C), which of them are real (B, S), global (B, G).

    `seconds` (B,) and `bpm` (B,), 0 where no tempo is asked for, are for networks with timing.
    `kept` (B, local_dims, L) is for networks with local_dims: 1 where a latent is given and 0 where
    it is to be made, then the given latents; None gives nothing. Latents from `valid` on are pads.
    """

    tokens: Tensor
    mask: Tensor | None
    overall: Tensor
    seconds: Tensor | None = None
    bpm: Tensor | None = None
    kept: Tensor | None = None
    valid: int | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What stays the same at all steps of one generation, for latents of one length.

    `contexts` is what each block attends to; `overall` (B, embed_dim) what is added to the time;
    `told` what each block's positions are told by themselves; `heard` as SelfAttention has it.
    """

    contexts: tuple[Tensor | KeysValues, ...]
    mask: Tensor | None
    overall: Tensor
    table: tuple[Tensor, Tensor]
    timing: Tensor | float
    told: tuple[Tensor | None, ...]
    heard: Tensor | None = None


class Transformer(nn.Module):
    """The stack of blocks between two projections."""

    def __init__(self, config: DiffusionTransformerConfig) -> None:
        super().__init__()
        width, channels = config.embed_dim, config.io_channels * config.patch_size
        self.project_in = nn.Linear(channels, width, bias=False)
        self.project_out = nn.Linear(width, channels, bias=False)
        self.rotary_pos_emb = RotaryEmbedding(max(width // config.num_heads // 2, LEAST_ROTARY))
        self.layers = nn.ModuleList(Block(config.block) for _ in range(config.depth))
        if config.memory_tokens:
            self.memory_tokens = nn.Parameter(torch.randn(config.memory_tokens, width))
        if config.block.modulated:
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

        self.timestep_features = (
            EvenFourierFeatures(TIMESTEP_FEATURES)
            if config.even_times
            else FourierFeatures(TIMESTEP_FEATURES)
        )
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
        latents = hidden[:, self.config.leading_tokens :]
        y = self.transformer.project_out(latents).transpose(1, 2)
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
        """Return what the first `depth` blocks make: (B, leading + L / patch_size, embed_dim)."""
        transformer = self.transformer
        patched = self._patched(x)
        known = conditioning
        if isinstance(known, Conditioning):
            known = self._known(known, patched.shape[-1])
        features = self.timestep_features(time[:, None]).to(x.dtype)
        overall = known.overall + self.to_timestep_embed(features)
        tokens = (self.preprocess_conv(patched) + patched).transpose(1, 2)
        inputs = transformer.project_in(tokens) + known.timing
        hidden = torch.cat([*self._leading(overall), inputs], dim=1)
        modulated = self.config.block.modulated
        modulation = transformer.global_cond_embedder(overall) if modulated else None
        each = zip(self._blocks, known.contexts, known.told, strict=True)
        for block, context, told in islice(each, depth):
            steering = Steering(modulation, told, known.heard)
            given = (hidden, context, known.mask, known.table, steering)
            if self.recompute and torch.is_grad_enabled():
                hidden = checkpoint(block, *given, use_reentrant=False)
            else:
                hidden = block(*given)
        return hidden

    @property
    def _blocks(self) -> list[Block]:
        return [cast(Block, block) for block in self.transformer.layers]

    def _leading(self, overall: Tensor) -> list[Tensor]:
        """What comes before the latents: (B, tokens, embed_dim) each."""
        leading = []
        if self.config.memory_tokens:
            leading.append(self.transformer.memory_tokens.expand(len(overall), -1, -1))
        return leading if self.config.adaptive else [*leading, overall[:, None]]

    def _known(self, conditioning: Conditioning, tokens: int) -> Known:
        length = self.config.leading_tokens + tokens
        return Known(
            (self.to_cond_embed(conditioning.tokens),) * len(self.transformer.layers),
            conditioning.mask,
            self.to_global_embed(conditioning.overall),
            self.transformer.rotary_pos_emb.table(length),
            self._timing(tokens, conditioning),
            self._told(tokens, conditioning),
            self._heard(length, conditioning),
        )

    def _told(self, tokens: int, conditioning: Conditioning) -> tuple[Tensor | None, ...]:
        """What each block tells so many tokens by themselves: (B or 1, leading + tokens, width)."""
        if not self.config.local_dims:
            return (None,) * self.config.depth
        kept, like = conditioning.kept, conditioning.overall
        if kept is None:
            kept = like.new_zeros(1, self.config.local_dims, tokens)
        given = kept.to(like).transpose(1, 2)
        leading = (0, 0, self.config.leading_tokens, 0)
        return tuple(functional.pad(block.to_local_embed(given), leading) for block in self._blocks)

    def _heard(self, length: int, conditioning: Conditioning) -> Tensor | None:
        """1 for tokens and 0 for padding, (length, 1); None where there is no padding."""
        if conditioning.valid is None:
            return None
        positions = torch.arange(length, device=conditioning.overall.device)
        last = self.config.leading_tokens + conditioning.valid
        return (positions < last).to(conditioning.overall.dtype)[:, None]

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
