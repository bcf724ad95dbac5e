"""Layers shared by the transformers, with weights named as in published models. Needs torch."""

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


class RMSNorm(nn.Module):
    """Root-mean-square normalisation with a learnt scale, computed in float32."""

    def __init__(self, width: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise over the last axis."""
        gamma = self.gamma.float()
        return functional.rms_norm(x.float(), x.shape[-1:], gamma, self.eps).to(x.dtype)


class FourierFeatures(nn.Module):
    """Random Fourier features of a number (B, 1): cosines first, then sines, (B, features)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(features // 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, features)."""
        angle = 2 * math.pi * x.float() @ self.weight.float().T
        return torch.cat([angle.cos(), angle.sin()], dim=-1)


class FixedFourierFeatures(nn.Module):
    """Fourier features of a number (B, 1) at fixed, logarithmically spaced frequencies.

    As Stable Audio 3 embeds times and lengths.
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
    """Apply rotary positions to the first dims of queries or keys (B, heads, length, dim_head)."""
    cosine, sine = table
    dims = cosine.shape[-1]
    turned, kept = x[..., :dims].float(), x[..., dims:]
    first, second = turned.chunk(2, dim=-1)
    swapped = torch.cat([-second, first], dim=-1)
    return torch.cat([(turned * cosine + swapped * sine).to(x.dtype), kept], dim=-1)


def _split_heads(x: Tensor, heads: int) -> Tensor:
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention of (B, heads, L, dim_head); mask is True where attended."""
    q, k = q.to(v.dtype), k.to(v.dtype)
    if q.requires_grad and q.device.type == "cpu":
        # On the CPU the fused kernel's backward pass costs as much as all matrix products together.
        scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
        if mask is not None:
            scores = scores.masked_fill(~mask, -1e4)
        return scores.softmax(-1).to(v.dtype) @ v
    return functional.scaled_dot_product_attention(q, k, v, mask)


@dataclass(frozen=True, slots=True)
class BlockConfig:
    """Sizes of one block; conditioning tokens are `context_width` wide.

    `qk_norm` normalises queries and keys. Conditioning tokens narrower than the block have fewer
    heads, each of which serves several heads of the block (grouped-query attention). `adaln` blocks
    are modulated by the global condition; `sigmoid_gates` are sigmoid(1 - gate) instead of
    1 + gate. `local_cond_dim` is the width of the condition of each position.
    """

    width: int
    heads: int
    context_width: int
    ff_multiple: int = 4
    qk_norm: bool = True
    adaln: bool = False
    sigmoid_gates: bool = False
    rms_norm: bool = False
    local_cond_dim: int = 0

    @property
    def head_dims(self) -> int:
        """Dims of one head."""
        return self.width // self.heads

    def make_head_norm(self) -> nn.Module:
        """Make the normalisation of the queries or keys of each head."""
        if not self.qk_norm:
            return nn.Identity()
        if self.rms_norm:
            return RMSNorm(self.head_dims, 1e-6)
        return nn.LayerNorm(self.head_dims, eps=1e-6)

    def make_norm(self) -> nn.Module:
        """Make the normalisation before each part of a block."""
        return RMSNorm(self.width) if self.rms_norm else LayerNorm(self.width)


class SelfAttention(nn.Module):
    """Attention of a sequence to itself, queries and keys normalised per head (QK-norm)."""

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.heads, width = config.heads, config.width
        self.to_qkv = nn.Linear(width, 3 * width, bias=False)
        self.to_out = nn.Linear(width, width, bias=False)
        self.q_norm = config.make_head_norm()
        self.k_norm = config.make_head_norm()

    def forward(
        self, x: Tensor, rotary: tuple[Tensor, Tensor], padding_mask: Tensor | None = None
    ) -> Tensor:
        """Map (B, L, width) to (B, L, width); `padding_mask` (L, 1) is 0 at padding.

        Padding is still attended to, but its values are 0, as Stable Audio 3 was trained.
        """
        q, k, v = (_split_heads(part, self.heads) for part in self.to_qkv(x).chunk(3, dim=-1))
        q, k = rotate(self.q_norm(q), rotary), rotate(self.k_norm(k), rotary)
        out = attend(q, k, v if padding_mask is None else v * padding_mask)
        result: Tensor = self.to_out(out.transpose(1, 2).flatten(2))
        return result


@dataclass(frozen=True, slots=True)
class KeysValues:
    """Keys and values of cross attention, (B, heads, S, dim_head) each: the same at every step."""

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
        self.q_norm = config.make_head_norm()
        self.k_norm = config.make_head_norm()

    def project_context(self, context: Tensor) -> KeysValues:
        """Return keys and values of context (B, S, context_width)."""
        parts = self.to_kv(context).chunk(2, dim=-1)
        k, v = (_split_heads(part, self.context_heads) for part in parts)
        k = self.k_norm(k)
        if self.context_heads != self.heads:
            each = self.heads // self.context_heads
            k, v = k.repeat_interleave(each, dim=1), v.repeat_interleave(each, dim=1)
        return KeysValues(k, v)

    def forward(self, x: Tensor, context: KeysValues, mask: Tensor | None) -> Tensor:
        """Map (B, L, width); mask (B, S) is True where a conditioning token is real."""
        q = self.q_norm(_split_heads(self.to_q(x), self.heads))
        mask = None if mask is None else mask[:, None, None, :]
        out = attend(q, context.keys, context.values, mask)
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
    """Gated MLP of a block (SwiGLU; Shazeer 2020)."""

    def __init__(self, width: int, multiple: int) -> None:
        super().__init__()
        inner = width * multiple
        self.ff = nn.Sequential(GatedLinear(width, inner), nn.Identity(), nn.Linear(inner, width))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., width) to (..., width)."""
        out: Tensor = self.ff(x)
        return out
