"""The T5 encoder (Raffel et al. 2020), weights named as in published checkpoints. Needs torch.

It stands in for transformers, whose import alone takes longer than a first sound may take.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class T5Config:
    """Sizes of the encoder; the defaults are those of t5-base."""

    vocab_size: int = 32_128
    d_model: int = 768
    d_kv: int = 64
    d_ff: int = 3072
    num_layers: int = 12
    num_heads: int = 12
    relative_attention_num_buckets: int = 32
    relative_attention_max_distance: int = 128


class T5LayerNorm(nn.Module):
    """Root-mean-square normalisation with a scale and no offset."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise over the last axis, in float32."""
        scale = torch.rsqrt(x.float().square().mean(-1, keepdim=True) + 1e-6)
        return self.weight * (x.float() * scale).to(x.dtype)


class T5Attention(nn.Module):
    """Self attention without scaling, with learnt biases of relative positions."""

    def __init__(self, config: T5Config, with_bias: bool) -> None:
        super().__init__()
        self.config = config
        inner = config.num_heads * config.d_kv
        self.q = nn.Linear(config.d_model, inner, bias=False)
        self.k = nn.Linear(config.d_model, inner, bias=False)
        self.v = nn.Linear(config.d_model, inner, bias=False)
        self.o = nn.Linear(inner, config.d_model, bias=False)
        if with_bias:
            buckets = config.relative_attention_num_buckets
            self.relative_attention_bias = nn.Embedding(buckets, config.num_heads)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Map (B, S, d_model); bias (B or 1, heads, S, S) is added to the scores."""
        q, k, v = (
            part(x).unflatten(-1, (self.config.num_heads, -1)).transpose(1, 2)
            for part in (self.q, self.k, self.v)
        )
        out = functional.scaled_dot_product_attention(q, k, v, bias.to(q.dtype), scale=1.0)
        result: Tensor = self.o(out.transpose(1, 2).flatten(2))
        return result

    def position_bias(self, length: int) -> Tensor:
        """Return biases (1, heads, length, length) by bucketed distance, both directions."""
        config = self.config
        device = self.relative_attention_bias.weight.device
        positions = torch.arange(length, device=device)
        distance = positions[None, :] - positions[:, None]
        half = config.relative_attention_num_buckets // 2
        exact = half // 2
        far = distance.abs().clamp_min(1).float()
        spacing = math.log(config.relative_attention_max_distance / exact)
        large = exact + (torch.log(far / exact) / spacing * (half - exact)).long()
        bucket = torch.where(distance.abs() < exact, distance.abs(), large.clamp_max(half - 1))
        bias: Tensor = self.relative_attention_bias(bucket + half * (distance > 0))
        return bias.permute(2, 0, 1)[None]


class _AttentionLayer(nn.Module):
    def __init__(self, config: T5Config, with_bias: bool) -> None:
        super().__init__()
        self.SelfAttention = T5Attention(config, with_bias)
        self.layer_norm = T5LayerNorm(config.d_model)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        return x + self.SelfAttention(self.layer_norm(x), bias)


class _Mlp(nn.Module):
    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.wi = nn.Linear(config.d_model, config.d_ff, bias=False)
        self.wo = nn.Linear(config.d_ff, config.d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.wo(functional.relu(self.wi(x)))
        return result


class _MlpLayer(nn.Module):
    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.DenseReluDense = _Mlp(config)
        self.layer_norm = T5LayerNorm(config.d_model)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.DenseReluDense(self.layer_norm(x))


class _Block(nn.Module):
    def __init__(self, config: T5Config, with_bias: bool) -> None:
        super().__init__()
        layers = [_AttentionLayer(config, with_bias), _MlpLayer(config)]
        self.layer = nn.ModuleList(layers)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        result: Tensor = self.layer[1](self.layer[0](x, bias))
        return result


class _Stack(nn.Module):
    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.block = nn.ModuleList(_Block(config, i == 0) for i in range(config.num_layers))
        self.final_layer_norm = T5LayerNorm(config.d_model)

    def position_bias(self, length: int) -> Tensor:
        """Return the first block's biases, which all blocks share."""
        first = cast(_Block, self.block[0])
        attention = cast(_AttentionLayer, first.layer[0])
        return attention.SelfAttention.position_bias(length)


class T5Encoder(nn.Module):
    """Token embeddings (B, S, d_model) to contextual embeddings of the same shape."""

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.config = config
        self.shared = nn.Embedding(config.vocab_size, config.d_model)
        self.encoder = _Stack(config)

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Encode; mask (B, S) is True where a token is real."""
        bias = self.encoder.position_bias(embedded.shape[1])
        bias = bias.masked_fill(~mask[:, None, None, :], -1e9)
        x = embedded
        for block in self.encoder.block:
            x = block(x, bias)
        result: Tensor = self.encoder.final_layer_norm(x)
        return result
