"""SAME-S, the autoencoder of the small Stable Audio 3: stereo sound to latents and back.

A patch of samples is a token; beside every `stride` patches stands a token for their latent, and
transformer blocks let each take from the other. They see a few latents at a time: first in chunks,
then in chunks shifted by half of one. Two attentions are subtracted (Ye et al. 2024, "Differential
transformer", here without its learnt weight) and tanh stands for normalisation (Zhu et al. 2025,
"Transformers without normalization"). Names of layers are those of the published checkpoints, with
weight normalisation folded when one is loaded. Needs torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.models.layers import RotaryEmbedding, attend, rotate
from engine.models.oobleck import Stack, merge_norm
from engine.models.windowed_codec import WindowedCodec

MAPPING_KERNEL = 3


@dataclass(frozen=True, slots=True)
class SameConfig:
    """Sizes of both halves; blocks attend within chunks of `chunk_latents` latents.

    Block i of the decoder has a sine gate where decoder_depth - i < `sine_blocks`. With
    `own_tokens` each patch of a latent has a learnt query token of its own; otherwise all share
    one.
    """

    patch_size: int = 256
    audio_channels: int = 2
    width: int = 768
    head_dims: int = 64
    latent_dim: int = 256
    stride: int = 16
    chunk_latents: int = 2
    encoder_depth: int = 6
    decoder_depth: int = 6
    ff_multiple: int = 3
    sine_blocks: int = 0
    own_tokens: bool = False
    wide_encoder_mapping: bool = False
    wide_decoder_mapping: bool = True

    def __post_init__(self) -> None:
        """Refuse sizes that no network can have."""
        for field in fields(self):
            least = 0 if field.name == "sine_blocks" else 1
            if field.type == "int" and getattr(self, field.name) < least:
                raise ValueError(
                    f"{field.name} must be at least {least}, got {getattr(self, field.name)}"
                )
        if self.width % self.head_dims or self.head_dims % 4:
            raise ValueError(
                f"width {self.width} must hold heads, and a head a multiple of 4 dims, "
                f"got {self.head_dims}"
            )
        if self.chunk_latents % 2:
            raise ValueError(f"a chunk must hold an even number of latents: {self.chunk_latents}")
        if self.width == self.patch_channels:
            raise ValueError(f"the width must not be that of a patch, {self.width}")

    @property
    def layers(self) -> int:
        """Blocks of the deeper half."""
        return max(self.encoder_depth, self.decoder_depth)

    @property
    def patch_channels(self) -> int:
        """Numbers in a patch."""
        return self.patch_size * self.audio_channels

    @property
    def samples_per_latent(self) -> int:
        """Samples that one latent stands for."""
        return self.patch_size * self.stride


class DynamicTanh(nn.Module):
    """scale * tanh(steepness * x) + offset, over the last axis."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1))
        self.gamma = nn.Parameter(torch.ones(width))
        self.beta = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor shaped as x."""
        return self.gamma * torch.tanh(self.alpha * x) + self.beta


class DifferentialAttention(nn.Module):
    """The difference of two attentions over the same values: (B, L, width)."""

    def __init__(self, width: int, head_dims: int) -> None:
        super().__init__()
        self.head_dims = head_dims
        self.to_qkv = nn.Linear(width, 5 * width, bias=False)
        self.to_out = nn.Linear(width, width, bias=False)
        self.q_norm = DynamicTanh(head_dims)
        self.k_norm = DynamicTanh(head_dims)

    def forward(self, x: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
        """Map (B, L, width) to (B, L, width)."""
        parts = self.to_qkv(x).unflatten(-1, (5, -1, self.head_dims)).permute(2, 0, 3, 1, 4)
        q, k, v, other_q, other_k = parts
        attended = attend(rotate(self.q_norm(q), table), rotate(self.k_norm(k), table), v)
        subtracted = attend(
            rotate(self.q_norm(other_q), table), rotate(self.k_norm(other_k), table), v
        )
        out: Tensor = self.to_out((attended - subtracted).transpose(1, 2).flatten(2))
        return out


class _Gated(nn.Module):
    """A linear layer whose second half gates its first: by SiLU, or by a sine."""

    def __init__(self, width: int, inner: int, sine: bool) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 2 * inner)
        self.sine = sine

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.proj(x).chunk(2, dim=-1)
        gate_gain: Tensor = torch.sin(math.pi * gate) if self.sine else functional.silu(gate)
        return value * gate_gain


class _FeedForward(nn.Module):
    def __init__(self, width: int, inner: int, sine: bool) -> None:
        super().__init__()
        gated = _Gated(width, inner, sine)
        self.ff = nn.Sequential(gated, nn.Identity(), nn.Linear(inner, width))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.ff(x)
        return out


class SameBlock(nn.Module):
    """Attention and feed-forward over one chunk, each residual: (B, L, width)."""

    def __init__(self, config: SameConfig, sine: bool) -> None:
        super().__init__()
        width = config.width
        self.pre_norm = DynamicTanh(width)
        self.self_attn = DifferentialAttention(width, config.head_dims)
        self.ff_norm = DynamicTanh(width)
        self.ff = _FeedForward(width, config.ff_multiple * width, sine)
        self.rope = RotaryEmbedding(config.head_dims // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, L, width) to (B, L, width)."""
        x = x + self.self_attn(self.pre_norm(x), self.rope.table(x.shape[1]))
        out: Tensor = x + self.ff(self.ff_norm(x))
        return out


def _make_mapping(inputs: int, outputs: int, wide: bool) -> nn.Conv1d:
    kernel = MAPPING_KERNEL if wide else 1
    return nn.Conv1d(inputs, outputs, kernel, padding=kernel // 2)


class Resampling(nn.Module):
    """Transformer blocks over groups of tokens: a latent and its patches, inputs before outputs.

    In the encoder the patches are the input, in the decoder the latent. The outputs of each latent
    begin as `new_tokens`.
    """

    def __init__(self, config: SameConfig, depth: int, sine_blocks: int, outputs: int) -> None:
        super().__init__()
        self.group = config.stride + 1
        self.chunk = config.chunk_latents * self.group
        queries = outputs if config.own_tokens else 1
        self.new_tokens = nn.Parameter(torch.zeros(1, queries, config.width))
        self.transformers = nn.ModuleList(
            SameBlock(config, depth - i < sine_blocks) for i in range(depth)
        )

    def resample(self, inputs: Tensor, outputs: int) -> Tensor:
        """Map tokens (B, latents, inputs, width) to (B, latents, outputs, width)."""
        batch, latents = inputs.shape[:2]
        new = self.new_tokens.expand(batch * latents, outputs, -1)
        x = torch.cat([inputs, new.unflatten(0, (batch, latents))], dim=2).flatten(1, 2)
        half, shift = len(self.transformers) // 2, self.chunk // 2
        x = self._run_in_chunks(self.transformers[:half], x)
        # The outermost half chunk is repeated at both ends.
        x = torch.cat([x[:, :shift], x, x[:, -shift:]], dim=1)
        x = self._run_in_chunks(self.transformers[half:], x)[:, shift:-shift]
        return x.unflatten(1, (-1, self.group))[:, :, -outputs:]

    def _run_in_chunks(self, blocks: Iterable[nn.Module], x: Tensor) -> Tensor:
        chunks = x.unflatten(1, (-1, self.chunk)).flatten(0, 1)
        for block in blocks:
            chunks = block(chunks)
        return chunks.unflatten(0, (len(x), -1)).flatten(1, 2)


class _Downsampling(Resampling):
    """Patches (B, channels, P) to features of their latents (B, width, P / stride)."""

    def __init__(self, config: SameConfig) -> None:
        super().__init__(config, config.encoder_depth, 0, 1)
        self.stride = config.stride
        self.mapping = _make_mapping(
            config.patch_channels, config.width, config.wide_encoder_mapping
        )

    def forward(self, patches: Tensor) -> Tensor:
        tokens = self.mapping(patches).transpose(1, 2).unflatten(1, (-1, self.stride))
        return self.resample(tokens, 1)[:, :, 0].transpose(1, 2)


class _Upsampling(Resampling):
    """Features of latents (B, width, L) to their patches (B, channels, L * stride)."""

    def __init__(self, config: SameConfig) -> None:
        super().__init__(config, config.decoder_depth, config.sine_blocks, config.stride)
        self.stride = config.stride
        self.chunk_latents = config.chunk_latents
        self.mapping = _make_mapping(
            config.width, config.patch_channels, config.wide_decoder_mapping
        )

    def forward(self, latents: Tensor) -> Tensor:
        padded = _pad_to_multiple(latents, self.chunk_latents)
        tokens = self.resample(padded.transpose(1, 2)[:, :, None], self.stride)
        patches: Tensor = self.mapping(tokens.flatten(1, 2).transpose(1, 2))
        return patches


class _Transpose(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2)


class _Bottleneck(nn.Module):
    """Scales latents to a standard deviation of 1 and back.

    `noise_scaling_factor` is empty, as published.

    The reference adds noise to the latents before decoding, 60 dB below them; its ports do not,
    and without it the same latents always give the same sound.
    """

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.scaling_factor = nn.Parameter(torch.ones(1, dims, 1))
        self.bias = nn.Parameter(torch.zeros(1, dims, 1))
        self.noise_scaling_factor = nn.Parameter(torch.ones(1, 0, 1))
        self.running_std = nn.Parameter(torch.ones(1))


class Same(WindowedCodec):
    """Sound (B, audio_channels, T) to latents (B, latent_dim, T / samples_per_latent) and back."""

    def __init__(self, config: SameConfig) -> None:
        super().__init__()
        self.config = config
        out, back = (
            nn.Linear(config.width, config.latent_dim),
            nn.Linear(config.latent_dim, config.width),
        )
        self.encoder = Stack(_Downsampling(config), _Transpose(), out, _Transpose())
        self.decoder = Stack(_Transpose(), back, _Transpose(), _Upsampling(config))
        self.bottleneck = _Bottleneck(config.latent_dim)

    def encode(self, audio: Tensor) -> Tensor:
        """Return latents of a sound; T must be a multiple of samples_per_latent."""
        config, bottleneck = self.config, self.bottleneck
        latents = audio.shape[-1] // config.samples_per_latent
        padded = _pad_to_multiple(audio, config.samples_per_latent * config.chunk_latents)
        patches = padded.unflatten(-1, (-1, config.patch_size)).transpose(2, 3).flatten(1, 2)
        raw: Tensor = self.encoder(patches)
        scaled = raw * bottleneck.scaling_factor + bottleneck.bias
        return scaled[..., :latents] / bottleneck.running_std

    def decode(self, latents: Tensor) -> Tensor:
        """Decode latents; peaks may exceed full scale, and clipping them is left to the caller."""
        config = self.config
        patches = self.decoder(latents * self.bottleneck.running_std)
        audio = patches.unflatten(1, (-1, config.patch_size)).transpose(2, 3).flatten(2)
        return audio[..., : latents.shape[-1] * config.samples_per_latent]

    def decode_part(self, latents: Tensor, first: int, count: int) -> Tensor:
        """Decode latents `first` to `first + count`, exactly as decoding all of them would."""
        chunk, samples = self.config.chunk_latents, self.config.samples_per_latent
        # Through the shifted chunks a chunk depends on its neighbours, but on none beyond.
        begin = max(first // chunk - 1, 0) * chunk
        end = (-(-(first + count) // chunk) + 1) * chunk
        audio = self.decode(latents[..., begin:end])
        start = (first - begin) * samples
        return audio[..., start : start + count * samples]

    def published_shapes(self) -> dict[str, torch.Size]:
        """Return names and shapes of the tensors that a published checkpoint of this size holds."""
        shapes: dict[str, torch.Size] = {}
        for name, tensor in self.state_dict().items():
            if name.endswith("mapping.weight"):
                shapes[f"{name}_g"] = torch.Size((tensor.shape[0], 1, 1))
                shapes[f"{name}_v"] = tensor.shape
            else:
                shapes[name] = tensor.shape
        return shapes

    @staticmethod
    def fold_weight_norm(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return published tensors as `Same` holds them: float32 copies."""
        tensors: dict[str, Tensor] = {}
        for name, tensor in published.items():
            value = tensor.to(torch.float32, copy=True)
            if name.endswith(".weight_v"):
                stem = name.removesuffix("_v")
                tensors[stem] = merge_norm(value, published[f"{stem}_g"])
            elif not name.endswith(".weight_g"):
                tensors[name] = value
        return tensors


def _pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Pad x (..., T) with zeros up to the next multiple."""
    return functional.pad(x, (0, -x.shape[-1] % multiple))
