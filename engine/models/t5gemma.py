"""The encoder of T5Gemma (Zhang et al. 2025), weights named as in published checkpoints.

It stands in for transformers, whose import alone takes longer than a first sound may take. Needs
torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.models.layers import rotate


@dataclass(frozen=True, slots=True)
class T5GemmaConfig:
    """Sizes of the encoder; the defaults are those of t5gemma-b-b-ul2.

    `attn_logit_softcapping` bounds attention scores; they are divided by the square root of
    `query_pre_attn_scalar`.
    """

    vocab_size: int = 256_000
    hidden_size: int = 768
    intermediate_size: int = 2048
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    num_key_value_heads: int = 12
    head_dim: int = 64
    query_pre_attn_scalar: int = 64
    attn_logit_softcapping: float = 50.0
    rms_norm_eps: float = 1e-6
    rope_theta: float = 10_000.0

    def __post_init__(self) -> None:
        """Refuse sizes that no network can have."""
        if self.num_attention_heads % self.num_key_value_heads or self.head_dim % 2:
            raise ValueError(
                f"num_attention_heads {self.num_attention_heads} must be a multiple of "
                f"num_key_value_heads {self.num_key_value_heads}, and head_dim even"
            )


class GemmaNorm(nn.Module):
    """Root-mean-square normalisation; the weight is the learnt scale minus 1."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise over the last axis, in float32."""
        scale = torch.rsqrt(x.float().square().mean(-1, keepdim=True) + self.eps)
        return (x.float() * scale * (1 + self.weight.float())).to(x.dtype)


class GemmaAttention(nn.Module):
    """Self attention with rotary positions and soft-capped scores."""

    def __init__(self, config: T5GemmaConfig) -> None:
        super().__init__()
        self.config = config
        width, dims = config.hidden_size, config.head_dim
        self.q_proj = nn.Linear(width, config.num_attention_heads * dims, bias=False)
        self.k_proj = nn.Linear(width, config.num_key_value_heads * dims, bias=False)
        self.v_proj = nn.Linear(width, config.num_key_value_heads * dims, bias=False)
        self.o_proj = nn.Linear(config.num_attention_heads * dims, width, bias=False)

    def forward(self, x: Tensor, mask: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
        """Map (B, S, width); mask (B, S) is True where a token is real."""
        config = self.config
        q, k, v = (
            part(x).unflatten(-1, (-1, config.head_dim)).transpose(1, 2)
            for part in (self.q_proj, self.k_proj, self.v_proj)
        )
        each = config.num_attention_heads // config.num_key_value_heads
        q, k = rotate(q, table), rotate(k, table).repeat_interleave(each, dim=1)
        scores = q @ k.transpose(-1, -2) * config.query_pre_attn_scalar**-0.5
        most = config.attn_logit_softcapping
        scores = most * torch.tanh(scores / most)
        scores = scores.masked_fill(~mask[:, None, None, :], -1e9)
        out = scores.float().softmax(-1).to(v.dtype) @ v.repeat_interleave(each, dim=1)
        result: Tensor = self.o_proj(out.transpose(1, 2).flatten(2))
        return result


class GemmaMlp(nn.Module):
    """The gated MLP of a layer."""

    def __init__(self, config: T5GemmaConfig) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.intermediate_size
        self.gate_proj = nn.Linear(width, inner, bias=False)
        self.up_proj = nn.Linear(width, inner, bias=False)
        self.down_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., width) to (..., width)."""
        gate = functional.gelu(self.gate_proj(x), approximate="tanh")
        result: Tensor = self.down_proj(gate * self.up_proj(x))
        return result


class GemmaLayer(nn.Module):
    """Attention and MLP, each normalised before and after, each residual."""

    def __init__(self, config: T5GemmaConfig) -> None:
        super().__init__()
        width, eps = config.hidden_size, config.rms_norm_eps
        self.self_attn = GemmaAttention(config)
        self.mlp = GemmaMlp(config)
        self.pre_self_attn_layernorm = GemmaNorm(width, eps)
        self.post_self_attn_layernorm = GemmaNorm(width, eps)
        self.pre_feedforward_layernorm = GemmaNorm(width, eps)
        self.post_feedforward_layernorm = GemmaNorm(width, eps)

    def forward(self, x: Tensor, mask: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
        """Map (B, S, width)."""
        attended = self.self_attn(self.pre_self_attn_layernorm(x), mask, table)
        x = x + self.post_self_attn_layernorm(attended)
        added = self.mlp(self.pre_feedforward_layernorm(x))
        result: Tensor = x + self.post_feedforward_layernorm(added)
        return result


class T5GemmaEncoder(nn.Module):
    """Token embeddings (B, S, hidden_size) to contextual embeddings of the same shape."""

    def __init__(self, config: T5GemmaConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(GemmaLayer(config) for _ in range(config.num_hidden_layers))
        self.norm = GemmaNorm(config.hidden_size, config.rms_norm_eps)

    @property
    def shared(self) -> nn.Embedding:
        """The embedding of tokens, by T5's name for it."""
        return self.embed_tokens

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Encode; mask (B, S) is True where a token is real."""
        x = embedded.to(self.norm.weight.dtype) * self.config.hidden_size**0.5
        table = self._table(x)
        for layer in self.layers:
            x = layer(x, mask, table)
        result: Tensor = self.norm(x)
        return result

    def _table(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return cosines and sines (S, head_dim) of the positions, over whole heads."""
        dims = self.config.head_dim
        exponent = torch.arange(0, dims, 2, device=x.device).float() / dims
        positions = torch.arange(x.shape[1], device=x.device).float()
        angle = torch.outer(positions, 1.0 / self.config.rope_theta**exponent)
        angle = torch.cat([angle, angle], dim=-1)
        return angle.cos(), angle.sin()
