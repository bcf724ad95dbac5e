"""Faster networks by precision, packed weights and channels-last layout. Needs torch.

All of them modify a loaded network in place, once; loading and training know nothing of them.
docs/performance.md has the gain and the cost of each.
"""

from __future__ import annotations

import platform
import warnings
from collections.abc import Callable
from copy import deepcopy
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

from engine.hardware.weights import SkipInit
from engine.models.dit import DiffusionTransformer
from engine.models.oobleck import Oobleck, Snake

X86 = frozenset({"x86_64", "AMD64"})

Part = TypeVar("Part", bound=nn.Module)


def lower_precision(transformer: DiffusionTransformer, dtype: torch.dtype) -> None:
    """Cast all but the frequencies of time and position embeddings, as in training.

    At 12 s a rounded frequency would put the last token a third of a radian off.
    """
    rotary = transformer.transformer.rotary_pos_emb
    exact = rotary.inv_freq.clone(), deepcopy(transformer.timestep_features)
    transformer.to(dtype)
    rotary.inv_freq, transformer.timestep_features = exact


def quantise_blocks(transformer: DiffusionTransformer) -> None:
    """Quantise the blocks' linear layers dynamically to int8; CPU only.

    All around the blocks stays in float32 (as the paper does on a phone, section 3.7).
    """
    inner = transformer.transformer
    with warnings.catch_warnings():
        # Deprecated in favour of torchao, which took minutes to start; torch's version is pinned.
        warnings.simplefilter("ignore")
        layers = torch.ao.quantization.quantize_dynamic(inner.layers, {nn.Linear}, torch.qint8)
    inner.layers = cast(nn.ModuleList, layers)


# --- linear layers with weights packed for oneDNN ---


class PackedLinear(nn.Module):
    """A linear layer with weights packed in oneDNN's blocked layout: (..., inputs)."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), None)
        self.bias = None if linear.bias is None else linear.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., inputs) to (..., outputs), as the original layer."""
        packed: Tensor = torch.ops.mkldnn._linear_pointwise(
            x, self.weight, self.bias, "none", [], ""
        )
        return packed


def pack_linear_layers(transformer: DiffusionTransformer) -> None:
    """Pack the weights of the blocks' linear layers where oneDNN is available; CPU only.

    Torch computes float32 products by MKL, slow on AMD, and packs bfloat16 at every call.
    """
    if platform.machine() in X86 and torch.backends.mkldnn.is_available():
        _replace_layers(transformer.transformer.layers, nn.Linear, PackedLinear)


# --- channels-last layout ---


class _Flat(nn.Module):
    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        flat = x[:, :, None, :].to(self.dtype)
        return flat.contiguous(memory_format=torch.channels_last)


class _Unflat(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, 0, :].float()


def lay_channels_last(
    codec: Oobleck, decoding: torch.dtype = torch.float32, *, fused: bool = False
) -> None:
    """Convert both halves to the channels-last layout, for inference only; idempotent.

    Torch has that layout for images only, so within them a sound is (B, C, 1, T). The decoder
    computes in `decoding`; inputs and outputs are float32. `fused` snakes are for CPUs, in float32
    and bfloat16.
    """
    if isinstance(codec.decoder.layers[0], _Flat):
        return
    for half, dtype in ((codec.encoder, torch.float32), (codec.decoder, decoding)):
        if fused:
            # Here, since numba takes a while to load, and only these models need it.
            from engine.acceleration.snake_kernel import FusedSnake

            _replace_layers(half, Snake, FusedSnake)
        for snake in [part for part in half.modules() if isinstance(part, Snake)]:
            snake.frequency = _freeze(snake.frequency[:, :, None])
            snake.scale = _freeze(snake.scale[:, :, None])
        _replace_layers(half, nn.Conv1d, _make_flat_conv)
        _replace_layers(half, nn.ConvTranspose1d, _make_flat_transposed)
        half.layers = nn.Sequential(_Flat(dtype), *half.layers, _Unflat()).to(dtype)


def _make_flat_conv(convolution: nn.Conv1d) -> nn.Conv2d:
    with SkipInit():
        flat = nn.Conv2d(
            convolution.in_channels,
            convolution.out_channels,
            (1, convolution.kernel_size[0]),
            (1, convolution.stride[0]),
            (0, int(convolution.padding[0])),
            (1, convolution.dilation[0]),
            bias=convolution.bias is not None,
        )
    return _fill(flat, convolution)


def _make_flat_transposed(convolution: nn.ConvTranspose1d) -> nn.ConvTranspose2d:
    with SkipInit():
        flat = nn.ConvTranspose2d(
            convolution.in_channels,
            convolution.out_channels,
            (1, convolution.kernel_size[0]),
            (1, convolution.stride[0]),
            (0, int(convolution.padding[0])),
            bias=convolution.bias is not None,
        )
    return _fill(flat, convolution)


def _fill(flat: Part, convolution: nn.Conv1d | nn.ConvTranspose1d) -> Part:
    """Return `flat` with the weights of a one-dimensional convolution, channels last."""
    weight = convolution.weight[:, :, None, :].contiguous(memory_format=torch.channels_last)
    flat.weight = _freeze(weight)
    if convolution.bias is not None:
        flat.bias = _freeze(convolution.bias)
    return flat


def _freeze(value: Tensor) -> nn.Parameter:
    return nn.Parameter(value.detach(), requires_grad=False)


def _replace_layers(network: nn.Module, kind: type[Part], by: Callable[[Part], nn.Module]) -> None:
    """Replace every layer of a kind, in place."""
    for name, part in list(network.named_children()):
        if isinstance(part, kind):
            setattr(network, name, by(part))
        else:
            _replace_layers(part, kind, by)
