"""Blocks of the diffusion transformer: plain (Stable Audio Open) or with adaLN. Needs torch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.models.layers import (
    BlockConfig,
    CrossAttention,
    FeedForward,
    KeysValues,
    SelfAttention,
)


@dataclass(frozen=True, slots=True)
class BlockConditioning:
    """The conditioning of an adaLN block, apart from the tokens that it attends to.

    `modulation` (B, 6 * width) holds scale, shift and gate of self attention and of feed-forward;
    `local_cond` (B or 1, L, width) is added to each position; `padding_mask` (L, 1) is 0 at
    padding.
    """

    modulation: Tensor | None = None
    local_cond: Tensor | None = None
    padding_mask: Tensor | None = None


UNCONDITIONED = BlockConditioning()


class Block(nn.Module):
    """Self attention, cross attention and feed-forward: pre-norm, each residual."""

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.pre_norm = config.make_norm()
        self.self_attn = SelfAttention(config)
        self.cross_attend_norm = config.make_norm()
        self.cross_attn = CrossAttention(config)
        self.ff_norm = config.make_norm()
        self.ff = FeedForward(config.width, config.ff_multiple)

    def forward(
        self,
        x: Tensor,
        context: Tensor | KeysValues,
        mask: Tensor | None,
        rotary: tuple[Tensor, Tensor],
        conditioning: BlockConditioning = UNCONDITIONED,
    ) -> Tensor:
        """Map (B, L, width); `context` is (B, S, context_width) or its cached keys and values.

        `mask` (B, S) is True where a conditioning token is real. A plain block ignores
        `conditioning`.
        """
        x = x + self.self_attn(self.pre_norm(x), rotary)
        x = x + self._attend_context(x, context, mask)
        return x + self.ff(self.ff_norm(x))

    def _attend_context(
        self, x: Tensor, context: Tensor | KeysValues, mask: Tensor | None
    ) -> Tensor:
        if isinstance(context, Tensor):
            context = self.cross_attn.project_context(context)
        out: Tensor = self.cross_attn(self.cross_attend_norm(x), context, mask)
        return out


class AdaLNBlock(Block):
    """A block modulated by the global condition: adaptive layer norm.

    It scales and shifts what self attention and feed-forward read, and gates what they add (Peebles
    and Xie 2023, "DiT"; one embedder for all blocks as in Chen et al. 2023, "PixArt-alpha", section
    2.3). With `local_cond_dim` each position has a condition of its own too (inpainting).
    """

    def __init__(self, config: BlockConfig) -> None:
        super().__init__(config)
        width = config.width
        self.to_scale_shift_gate = nn.Parameter(torch.zeros(6 * width))
        if config.local_cond_dim:
            self.to_local_embed = nn.Sequential(
                nn.Linear(config.local_cond_dim, width), nn.SiLU(), nn.Linear(width, width)
            )
        self.sigmoid_gates = config.sigmoid_gates

    def forward(
        self,
        x: Tensor,
        context: Tensor | KeysValues,
        mask: Tensor | None,
        rotary: tuple[Tensor, Tensor],
        conditioning: BlockConditioning = UNCONDITIONED,
    ) -> Tensor:
        """Map (B, L, width) as Block does, modulated; without modulation it is a plain Block."""
        if conditioning.modulation is None:
            return super().forward(x, context, mask, rotary)
        parts = (conditioning.modulation + self.to_scale_shift_gate).unsqueeze(1).chunk(6, dim=-1)
        scale, shift, gate, ff_scale, ff_shift, ff_gate = parts
        modulated = self.pre_norm(x) * (1 + scale) + shift
        x = x + self._gain(gate) * self.self_attn(modulated, rotary, conditioning.padding_mask)
        x = x + self._attend_context(x, context, mask)
        if conditioning.local_cond is not None:
            x = x + conditioning.local_cond
        return x + self._gain(ff_gate) * self.ff(self.ff_norm(x) * (1 + ff_scale) + ff_shift)

    def _gain(self, gate: Tensor) -> Tensor:
        return torch.sigmoid(1 - gate) if self.sigmoid_gates else 1 + gate


def make_block(config: BlockConfig) -> Block:
    """Make the block that a config describes."""
    return AdaLNBlock(config) if config.adaln else Block(config)
