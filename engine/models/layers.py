"""Layers of the diffusion transformer. Names of weights are those of the published models."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


class LayerNorm(nn.Module):
    """Layer normalisation with a learnt scale; its offset is a buffer of zeros."""

    beta: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))
        self.register_buffer("beta", torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise over the last axis."""
        return functional.layer_norm(x, x.shape[-1:], self.gamma, self.beta, 1e-5)


class RootMeanSquareNorm(nn.Module):
    """Root-mean-square normalisation with a learnt scale, worked out in float32."""

    def __init__(self, width: int, least: float = 1e-5) -> None:
        super().__init__()
        self.least = least
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise over the last axis."""
        gamma = self.gamma.float()
        return functional.rms_norm(x.float(), x.shape[-1:], gamma, self.least).to(x.dtype)


class FourierFeatures(nn.Module):
    """Random Fourier features of a number (B, 1): cosines first, then sines, (B, features)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(features // 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, features)."""
        angle = 2 * math.pi * x.float() @ self.weight.float().T
        return torch.cat([angle.cos(), angle.sin()], dim=-1)


class EvenFourierFeatures(nn.Module):
    """Fourier features of a number (B, 1) at frequencies even in their logarithm, none learnt.

    As Stable Audio 3 tells times and lengths.
    """

    def __init__(self, features: int, lowest: float = 0.5, highest: float = 10_000.0) -> None:
        super().__init__()
        self._count = features // 2
        self._logarithms = math.log(lowest), math.log(highest)

    def forward(self, x: Tensor) -> Tensor:
        """Return float32 (B, features): cosines first, then sines."""
        first, last = self._logarithms
        ramp = torch.linspace(0, 1, self._count, device=x.device)
        # In this order: at the highest frequency rounding moves the angle by thousandths.
        angle = x.float() * torch.exp(ramp * (last - first) + first) * 2 * math.pi
        return torch.cat([angle.cos(), angle.sin()], dim=-1)


class RotaryEmbedding(nn.Module):
    """Rotary position embedding over part of each head (Su et al. 2021), halves not interleaved."""

    inv_freq: Tensor

    def __init__(self, dims: int) -> None:
        super().__init__()
        exponent = torch.arange(0, dims, 2).float() / dims
        self.register_buffer("inv_freq", 1.0 / 10_000**exponent)

    def table(self, length: int) -> tuple[Tensor, Tensor]:
        """Return cosines and sines (length, dims) of the positions, float32."""
        positions = torch.arange(length, device=self.inv_freq.device).float()
        angle = torch.outer(positions, self.inv_freq.float())
        angle = torch.cat([angle, angle], dim=-1)
        return angle.cos(), angle.sin()


def rotate(x: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
    """Turn the first dims of queries or keys (B, heads, length, dim_head) by their positions."""
    cosine, sine = table
    dims = cosine.shape[-1]
    turned, kept = x[..., :dims].float(), x[..., dims:]
    first, second = turned.chunk(2, dim=-1)
    swapped = torch.cat([-second, first], dim=-1)
    return torch.cat([(turned * cosine + swapped * sine).to(x.dtype), kept], dim=-1)


def _heads(x: Tensor, heads: int) -> Tensor:
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention of (B, heads, L, dim_head); mask is True where attended."""
    q, k = q.to(v.dtype), k.to(v.dtype)
    if q.requires_grad and q.device.type == "cpu":
        # The fused kernel's backward pass costs as much there as all matrix products together.
        scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
        if mask is not None:
            scores = scores.masked_fill(~mask, -1e4)
        return scores.softmax(-1).to(v.dtype) @ v
    return functional.scaled_dot_product_attention(q, k, v, mask)


@dataclass(frozen=True, slots=True)
class BlockConfig:
    """Sizes of one block; conditioning tokens are `context_width` wide.

    Without `normed_heads` queries and keys are used as they are. Conditioning tokens narrower than
    the block have fewer heads, each of which serves several heads of the block. `local_dims` is
    the width of what each position is told by itself; `squashed_gates` are sigmoid(1 - gate), not
    1 + gate; with `root_mean_square` all is normalised that way.
    """

    width: int
    heads: int
    context_width: int
    ff_multiple: int = 4
    normed_heads: bool = True
    modulated: bool = False
    squashed_gates: bool = False
    root_mean_square: bool = False
    local_dims: int = 0

    @property
    def head_dims(self) -> int:
        """Dims of one head."""
        return self.width // self.heads

    def head_norm(self) -> nn.Module:
        """What normalises the queries or keys of each head."""
        if not self.normed_heads:
            return nn.Identity()
        if self.root_mean_square:
            return RootMeanSquareNorm(self.head_dims, 1e-6)
        return nn.LayerNorm(self.head_dims, eps=1e-6)

    def norm(self) -> nn.Module:
        """What normalises what a part of the block is given."""
        return RootMeanSquareNorm(self.width) if self.root_mean_square else LayerNorm(self.width)


class SelfAttention(nn.Module):
    """Attention of a sequence to itself, queries and keys normalised per head."""

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.heads, width = config.heads, config.width
        self.to_qkv = nn.Linear(width, 3 * width, bias=False)
        self.to_out = nn.Linear(width, width, bias=False)
        self.q_norm = config.head_norm()
        self.k_norm = config.head_norm()

    def forward(
        self, x: Tensor, table: tuple[Tensor, Tensor], heard: Tensor | None = None
    ) -> Tensor:
        """Map (B, L, width) to (B, L, width); `heard` (L, 1) is 0 where nothing is said.

        Such a position is still attended to.
        """
        q, k, v = (_heads(part, self.heads) for part in self.to_qkv(x).chunk(3, dim=-1))
        q, k = rotate(self.q_norm(q), table), rotate(self.k_norm(k), table)
        out = attend(q, k, v if heard is None else v * heard)
        result: Tensor = self.to_out(out.transpose(1, 2).flatten(2))
        return result


@dataclass(frozen=True, slots=True)
class KeysValues:
    """What cross attention attends to, (B, heads, S, dim_head) each: the same at every step."""

    keys: Tensor
    values: Tensor


class CrossAttention(nn.Module):
    """Attention of a sequence to the conditioning tokens, without positions."""

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        width, context_width = config.width, config.context_width
        self.heads = config.heads
        self.context_heads = context_width // config.head_dims
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_kv = nn.Linear(context_width, 2 * context_width, bias=False)
        self.to_out = nn.Linear(width, width, bias=False)
        self.q_norm = config.head_norm()
        self.k_norm = config.head_norm()

    def keys_values(self, context: Tensor) -> KeysValues:
        """Keys and values of context (B, S, context_width)."""
        parts = self.to_kv(context).chunk(2, dim=-1)
        k, v = (_heads(part, self.context_heads) for part in parts)
        k = self.k_norm(k)
        if self.context_heads != self.heads:
            each = self.heads // self.context_heads
            k, v = k.repeat_interleave(each, dim=1), v.repeat_interleave(each, dim=1)
        return KeysValues(k, v)

    def forward(self, x: Tensor, known: KeysValues, mask: Tensor | None) -> Tensor:
        """Map (B, L, width); mask (B, S) is True where a conditioning token is real."""
        q = self.q_norm(_heads(self.to_q(x), self.heads))
        shown = None if mask is None else mask[:, None, None, :]
        out = attend(q, known.keys, known.values, shown)
        result: Tensor = self.to_out(out.transpose(1, 2).flatten(2))
        return result


class GatedLinear(nn.Module):
    """A linear layer whose first half is the value and second half its SiLU gate."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 2 * inner)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., width) to (..., inner)."""
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * functional.silu(gate)


class FeedForward(nn.Module):
    """Gated perceptron of a block."""

    def __init__(self, width: int, multiple: int) -> None:
        super().__init__()
        inner = width * multiple
        self.ff = nn.Sequential(GatedLinear(width, inner), nn.Identity(), nn.Linear(inner, width))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., width) to (..., width)."""
        out: Tensor = self.ff(x)
        return out


@dataclass(frozen=True, slots=True)
class Steering:
    """What steers a block: modulation (B, 6 * width), and what SelfAttention calls `heard`.

    `local` (B or 1, L, width) is what each position is told by itself.
    """

    modulation: Tensor | None = None
    local: Tensor | None = None
    heard: Tensor | None = None


UNSTEERED = Steering()


class Block(nn.Module):
    """Self attention, cross attention and feed-forward, each normalised first, each residual.

    A modulated block scales and shifts what self attention and feed-forward are given and scales
    what they add, by the global condition (adaptive layer norm; Peebles and Xie 2023, one
    embedder for all blocks as in Chen et al. 2023, "PixArt-alpha", section 2.3).
    """

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        width = config.width
        if config.modulated:
            self.to_scale_shift_gate = nn.Parameter(torch.zeros(6 * width))
        if config.local_dims:
            self.to_local_embed = nn.Sequential(
                nn.Linear(config.local_dims, width), nn.SiLU(), nn.Linear(width, width)
            )
        self.squashed_gates = config.squashed_gates
        self.pre_norm = config.norm()
        self.self_attn = SelfAttention(config)
        self.cross_attend_norm = config.norm()
        self.cross_attn = CrossAttention(config)
        self.ff_norm = config.norm()
        self.ff = FeedForward(width, config.ff_multiple)

    def forward(
        self,
        x: Tensor,
        context: Tensor | KeysValues,
        mask: Tensor | None,
        table: tuple[Tensor, Tensor],
        steering: Steering = UNSTEERED,
    ) -> Tensor:
        """Map (B, L, width) with context (B, S, context_width).

        `context` may be what `cross_attn.keys_values` made of it.
        """
        known = self.cross_attn.keys_values(context) if isinstance(context, Tensor) else context
        if steering.modulation is None:
            x = x + self.self_attn(self.pre_norm(x), table)
            x = x + self.cross_attn(self.cross_attend_norm(x), known, mask)
            return x + self.ff(self.ff_norm(x))
        parts = (steering.modulation + self.to_scale_shift_gate).unsqueeze(1).chunk(6, dim=-1)
        scale, shift, gate, ff_scale, ff_shift, ff_gate = parts
        given = self.pre_norm(x) * (1 + scale) + shift
        x = x + self._opened(gate) * self.self_attn(given, table, steering.heard)
        x = x + self.cross_attn(self.cross_attend_norm(x), known, mask)
        if steering.local is not None:
            x = x + steering.local
        return x + self._opened(ff_gate) * self.ff(self.ff_norm(x) * (1 + ff_scale) + ff_shift)

    def _opened(self, gate: Tensor) -> Tensor:
        return torch.sigmoid(1 - gate) if self.squashed_gates else 1 + gate
