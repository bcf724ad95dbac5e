"""A long sound through an autoencoder's layers, a stretch of time at a time. Needs torch.

What large tensors cost a processor is not the arithmetic but the memory: within a tile all that
goes from layer to layer stays in the cache, and no fresh pages are asked of the system.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.models.oobleck import DILATIONS, KERNEL, Oobleck, Stack

TILE = 1 << 20
"""Numbers in the largest tensor of a tile: 4 MB in float32. Of 1/4 to 8 times that, the fastest."""
_BESIDE = KERNEL // 2
"""Samples that a convolution reaches on each side."""
_UNITS = _BESIDE * sum(DILATIONS)
"""Those that a block's residual units reach."""


class TiledLayers(nn.Module):
    """Layers that compute `size` samples of their input at a time, with what they reach around.

    `grows` samples come out for each that goes in, or one for each `shrinks`; `size` and `reach`
    count samples that go in, and are multiples of `shrinks`.
    """

    def __init__(
        self, part: nn.Module, size: int, reach: int, grows: int = 1, shrinks: int = 1
    ) -> None:
        super().__init__()
        self.part = part
        self.size, self.reach = _round_up(size, shrinks), _round_up(reach, shrinks)
        self.grows, self.shrinks = grows, shrinks

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., T) as the layers do; T is a multiple of `shrinks`."""
        length = x.shape[-1]
        if length <= self.size + 2 * self.reach:
            whole: Tensor = self.part(x)
            return whole
        pieces = []
        for begin in range(0, length, self.size):
            end = min(begin + self.size, length)
            first = max(begin - self.reach, 0)
            tile = self.part(x[..., first : end + self.reach])
            pieces.append(
                tile[..., self._count_output(begin - first) : self._count_output(end - first)]
            )
        return torch.cat(pieces, dim=-1)

    def _count_output(self, samples: int) -> int:
        """Return how many samples so many become."""
        return samples * self.grows // self.shrinks


def tile_codec(codec: Oobleck) -> None:
    """Let the blocks of both halves work in tiles, to the same numbers; for playing alone.

    To be called before their order is changed. A second time changes nothing.
    """
    if any(isinstance(part, TiledLayers) for part in codec.modules()):
        return
    widths, strides = codec.config.widths, codec.config.strides
    first, *growing, snake, last = codec.decoder.layers
    tail = Stack(growing[-1], snake, last)
    codec.decoder.layers = nn.Sequential(
        first,
        *(
            TiledLayers(part, TILE // (width * stride), -(-reach // stride) + 1, grows=stride)
            for part, width, stride, reach in zip(
                [*growing[:-1], tail],
                widths[-2::-1],
                strides[::-1],
                [_UNITS] * (len(strides) - 1) + [_UNITS + _BESIDE],
                strict=True,
            )
        ),
    )
    first, *shrinking, snake, last = codec.encoder.layers
    head = Stack(first, shrinking[0])
    codec.encoder.layers = nn.Sequential(
        *(
            TiledLayers(part, TILE // width, reach + stride, shrinks=stride)
            for part, width, stride, reach in zip(
                [head, *shrinking[1:]],
                widths[:-1],
                strides,
                [_UNITS + _BESIDE] + [_UNITS] * (len(strides) - 1),
                strict=True,
            )
        ),
        snake,
        last,
    )


def _round_up(samples: int, multiple: int) -> int:
    return -(-max(samples, 1) // multiple) * multiple
