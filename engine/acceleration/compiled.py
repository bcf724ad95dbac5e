"""The same networks, faster on a CPU: other memory layouts, other matrix products. Needs torch.

docs/performance.md holds what each way brought and what it cost. All of them change a network that
was loaded, once, so that what is loaded and what is trained know nothing of them.
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
    """Cast all but the frequencies of times and positions, as training keeps them.

    At 12 s a rounded frequency would put the last token a third of a radian off.
    """
    rotary = transformer.transformer.rotary_pos_emb
    exact = rotary.inv_freq.clone(), deepcopy(transformer.timestep_features)
    transformer.to(dtype)
    rotary.inv_freq, transformer.timestep_features = exact


def quantise_blocks(transformer: DiffusionTransformer) -> None:
    """Let the blocks' products run in eight-bit integers, scaled anew for each input; CPU only.

    What is around the blocks stays in float32 (the paper's way on a phone, section 3.7).
    """
    inner = transformer.transformer
    with warnings.catch_warnings():
        # Deprecated for a library that took minutes to start here; torch's version is pinned.
        warnings.simplefilter("ignore")
        layers = torch.ao.quantization.quantize_dynamic(inner.layers, {nn.Linear}, torch.qint8)
    inner.layers = cast(nn.ModuleList, layers)


# --- products with weights in oneDNN's own order ---


class PackedLinear(nn.Module):
    """A linear layer whose weights lie in the order in which oneDNN reads them: (..., inputs)."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), None)
        self.bias = None if linear.bias is None else linear.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., inputs) to (..., outputs), as the layer it was made of."""
        packed: Tensor = torch.ops.mkldnn._linear_pointwise(
            x, self.weight, self.bias, "none", [], ""
        )
        return packed


def pack_linear_layers(transformer: DiffusionTransformer) -> None:
    """Pack the weights of the blocks' products, where this processor has oneDNN; CPU only.

    Torch gives float32 products to MKL, which is slow on AMD, and packs bfloat16 at every call.
    """
    if platform.machine() in X86 and torch.backends.mkldnn.is_available():
        _replace_layers(transformer.transformer.layers, nn.Linear, PackedLinear)


# --- sounds with the channels of a sample beside each other ---


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
    """Let both halves keep the channels of a sample beside each other; for playing alone.

    Torch has that order for pictures only, so within them a sound is (B, C, 1, T). The decoder
    computes in `decoding`; what goes in and comes out is float32. `fused` snakes are for
    processors, in float32 and bfloat16. A second time changes nothing.
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
    """Return `flat` with the weights of another, laid out as it reads them."""
    weight = convolution.weight[:, :, None, :].contiguous(memory_format=torch.channels_last)
    flat.weight = _freeze(weight)
    if convolution.bias is not None:
        flat.bias = _freeze(convolution.bias)
    return flat


def _freeze(value: Tensor) -> nn.Parameter:
    return nn.Parameter(value.detach(), requires_grad=False)


def _replace_layers(network: nn.Module, kind: type[Part], by: Callable[[Part], nn.Module]) -> None:
    """Put something else in the place of every layer of a kind."""
    for name, part in list(network.named_children()):
        if isinstance(part, kind):
            setattr(network, name, by(part))
        else:
            _replace_layers(part, kind, by)
