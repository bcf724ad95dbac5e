"""The diffusion transformer: velocity of latents under a condition. Needs torch.

One network serves three families, which `engine.models.dit_config` tells apart. Layout and names of
weights follow stable-audio-open-small: QK-norm, rotary positions on part of each head, timestep and
global condition prepended as token 0, cross attention to the prompt. The parts of the others stand
apart: adaLN in `blocks`, our own beat and length features in `timing`, registers, inpainting and
padding mask in `stable_audio_3`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from engine.models.blocks import Block, BlockConditioning, make_block
from engine.models.dit_config import LEAST_ROTARY, DiffusionTransformerConfig
from engine.models.layers import (
    FixedFourierFeatures,
    FourierFeatures,
    KeysValues,
    RotaryEmbedding,
)
from engine.models.stable_audio_3 import embed_inpaint_cond, expand_registers, make_padding_mask
from engine.models.timing import TIMING_FEATURES, timing_features

TIMESTEP_FEATURES = 256


@dataclass(frozen=True, slots=True)
class Conditioning:
    """The conditioning of B sounds.

    `cross_attn_cond` (B, S, C) are tokens to attend to, `cross_attn_mask` (B, S) which of them are
    real, `global_cond` is (B, G). `seconds` (B,) and `bpm` (B,), 0 where no tempo is asked for, are
    for networks with timing. `inpaint_cond` (B, local_cond_dim, L) is a mask channel, 1 where a
    latent is kept and 0 where it is generated, then the kept latents; None keeps nothing. Latents
    from `valid_length` on are padding.
    """

    cross_attn_cond: Tensor
    cross_attn_mask: Tensor | None
    global_cond: Tensor
    seconds: Tensor | None = None
    bpm: Tensor | None = None
    inpaint_cond: Tensor | None = None
    valid_length: int | None = None


@dataclass(frozen=True, slots=True)
class CachedConditioning:
    """What stays the same at all steps of one generation, for latents of one length.

    `contexts` are the tokens that each block attends to; `global_cond` (B, embed_dim) is added to
    the time's embedding, `timing` to the tokens; `local_conds` (one for each block) and
    `padding_mask` are those of BlockConditioning.
    """

    contexts: tuple[Tensor | KeysValues, ...]
    cross_attn_mask: Tensor | None
    global_cond: Tensor
    rotary: tuple[Tensor, Tensor]
    timing: Tensor | float
    local_conds: tuple[Tensor | None, ...]
    padding_mask: Tensor | None = None


class Transformer(nn.Module):
    """The stack of blocks between two projections."""

    def __init__(self, config: DiffusionTransformerConfig) -> None:
        super().__init__()
        width, channels = config.embed_dim, config.io_channels * config.patch_size
        self.project_in = nn.Linear(channels, width, bias=False)
        self.project_out = nn.Linear(width, channels, bias=False)
        self.rotary_pos_emb = RotaryEmbedding(max(width // config.num_heads // 2, LEAST_ROTARY))
        self.layers = nn.ModuleList(make_block(config.block) for _ in range(config.depth))
        if config.registers:
            # The registers, under their name in published weights.
            self.memory_tokens = nn.Parameter(torch.randn(config.registers, width))
        if config.block.adaln:
            last = nn.Linear(width, 6 * width)
            # The modulation starts at zero: a new network with gates of 1 + gate begins as the
            # same network without it. (In DiT's adaLN-Zero the residual branches begin closed.)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
            self.global_cond_embedder = nn.Sequential(nn.Linear(width, width), nn.SiLU(), last)
        if config.latents_per_second:
            # Zero too: a network with timing begins as the same network without it.
            self.to_timing_embed = nn.Linear(TIMING_FEATURES, width)
            nn.init.zeros_(self.to_timing_embed.weight)
            nn.init.zeros_(self.to_timing_embed.bias)


def _preconditioning(time: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return c_skip and c_in, which is c_out too, (B, 1, 1) each, at times (B,).

    For data and noise of variance 1: c_skip * x is the best linear estimate of the velocity, c_out
    the deviation of the rest ("Elucidating the Design Space of Diffusion-Based Generative Models",
    section 5).
    """
    variance = (time.square() + (1 - time).square())[:, None, None]
    c_skip = (2 * time - 1)[:, None, None] / variance
    return c_skip.to(dtype), variance.rsqrt().to(dtype)


def _make_mlp(inputs: int, outputs: int, bias: bool = False) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, outputs, bias), nn.SiLU(), nn.Linear(outputs, outputs, bias)
    )


class DiffusionTransformer(nn.Module):
    """Predict the velocity of latents (B, io_channels, L) at times (B,)."""

    def __init__(self, config: DiffusionTransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.recompute = False
        """Activation checkpointing: training keeps each block's input and recomputes the rest."""
        width, channels = config.embed_dim, config.io_channels * config.patch_size
        features = FixedFourierFeatures if config.fixed_fourier_times else FourierFeatures
        self.timestep_features = features(TIMESTEP_FEATURES)
        self.to_timestep_embed = _make_mlp(TIMESTEP_FEATURES, width, bias=True)
        self.to_cond_embed = _make_mlp(config.cond_token_dim, config.context_width)
        self.to_global_embed = _make_mlp(config.global_cond_dim, width)
        self.preprocess_conv = nn.Conv1d(channels, channels, 1, bias=False)
        self.postprocess_conv = nn.Conv1d(channels, channels, 1, bias=False)
        self.transformer = Transformer(config)
        # The residual 1x1 convolutions start as the identity.
        nn.init.zeros_(self.preprocess_conv.weight)
        nn.init.zeros_(self.postprocess_conv.weight)

    def forward(
        self, x: Tensor, time: Tensor, conditioning: Conditioning | CachedConditioning
    ) -> Tensor:
        """Return the velocity, shaped as x; L must be a multiple of patch_size."""
        hidden = self.hidden_states(x, time, conditioning, self.config.depth)
        tokens = hidden[:, self.config.prepended_tokens :]
        y = self.transformer.project_out(tokens).transpose(1, 2)
        y = self._unpatch(self.postprocess_conv(y) + y)
        if not self.config.preconditioned:
            return y
        c_skip, c_out = _preconditioning(time, x.dtype)
        return c_skip * x + c_out * y

    def hidden_states(
        self, x: Tensor, time: Tensor, conditioning: Conditioning | CachedConditioning, depth: int
    ) -> Tensor:
        """Return the first `depth` blocks' output (B, prepended + L / patch_size, embed_dim)."""
        transformer = self.transformer
        if self.config.preconditioned:
            _, c_in = _preconditioning(time, x.dtype)
            x = c_in * x
        patched = self._patch(x)
        cached = conditioning
        if isinstance(cached, Conditioning):
            cached = self._embed(cached, patched.shape[-1])
        features = self.timestep_features(time[:, None]).to(x.dtype)
        global_cond = cached.global_cond + self.to_timestep_embed(features)
        tokens = (self.preprocess_conv(patched) + patched).transpose(1, 2)
        tokens = transformer.project_in(tokens) + cached.timing
        hidden = torch.cat([*self._prepend(global_cond), tokens], dim=1)
        modulation = (
            transformer.global_cond_embedder(global_cond) if self.config.block.adaln else None
        )
        each = zip(self._blocks, cached.contexts, cached.local_conds, strict=True)
        for block, context, local_cond in islice(each, depth):
            block_cond = BlockConditioning(modulation, local_cond, cached.padding_mask)
            inputs = (hidden, context, cached.cross_attn_mask, cached.rotary, block_cond)
            if self.recompute and torch.is_grad_enabled():
                hidden = checkpoint(block, *inputs, use_reentrant=False)
            else:
                hidden = block(*inputs)
        return hidden

    # --- conditioning ---

    def cache(self, conditioning: Conditioning, latents: int) -> CachedConditioning:
        """Compute once what `forward` would compute at every step; results are identical."""
        cached = self._embed(conditioning, latents // self.config.patch_size)
        contexts = tuple(
            block.cross_attn.project_context(context) if isinstance(context, Tensor) else context
            for block, context in zip(self._blocks, cached.contexts, strict=True)
        )
        return replace(cached, contexts=contexts)

    def _embed(self, conditioning: Conditioning, tokens: int) -> CachedConditioning:
        config, global_cond = self.config, conditioning.global_cond
        length = config.prepended_tokens + tokens
        local_conds: tuple[Tensor | None, ...] = (None,) * len(self._blocks)
        if config.local_cond_dim:
            size = config.local_cond_dim, tokens, config.prepended_tokens
            local_conds = embed_inpaint_cond(
                self._blocks, conditioning.inpaint_cond, global_cond, size
            )
        padding_mask = None
        if conditioning.valid_length is not None:
            valid = -(-conditioning.valid_length // config.patch_size)
            padding_mask = make_padding_mask(length, config.prepended_tokens + valid, global_cond)
        return CachedConditioning(
            contexts=(self.to_cond_embed(conditioning.cross_attn_cond),) * len(self._blocks),
            cross_attn_mask=conditioning.cross_attn_mask,
            global_cond=self.to_global_embed(global_cond),
            rotary=self.transformer.rotary_pos_emb.table(length),
            timing=self._embed_timing(tokens, conditioning),
            local_conds=local_conds,
            padding_mask=padding_mask,
        )

    def _embed_timing(self, tokens: int, conditioning: Conditioning) -> Tensor | float:
        """Embed each token's place in beat and requested length: (B, tokens, embed_dim)."""
        if not self.config.latents_per_second:
            return 0.0
        if conditioning.seconds is None or conditioning.bpm is None:
            raise ValueError("a network with timing needs seconds and bpm")
        per_second = self.config.latents_per_second / self.config.patch_size
        features = timing_features(tokens, per_second, conditioning.seconds, conditioning.bpm)
        to_timing_embed = self.transformer.to_timing_embed
        timing: Tensor = to_timing_embed(features.to(to_timing_embed.weight.dtype))
        return timing

    def _prepend(self, global_cond: Tensor) -> list[Tensor]:
        """Return registers and global token, where there are any: (B, n, embed_dim) each."""
        prepended = []
        if self.config.registers:
            registers = self.transformer.memory_tokens
            prepended.append(expand_registers(registers, len(global_cond)))
        return prepended if self.config.adaln_only else [*prepended, global_cond[:, None]]

    @property
    def _blocks(self) -> list[Block]:
        return [cast(Block, block) for block in self.transformer.layers]

    # --- patches ---

    def _patch(self, x: Tensor) -> Tensor:
        """Map (B, C, L) to (B, patch_size * C, L / patch_size)."""
        size = self.config.patch_size
        if x.shape[-1] % size:
            raise ValueError(f"{x.shape[-1]} latents do not split into patches of {size}")
        return x.unflatten(-1, (-1, size)).permute(0, 3, 1, 2).flatten(1, 2)

    def _unpatch(self, y: Tensor) -> Tensor:
        """Undo `_patch`."""
        size = self.config.patch_size
        return y.unflatten(1, (size, -1)).permute(0, 2, 3, 1).flatten(2)
