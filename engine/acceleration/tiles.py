"""Runs an autoencoder's layers over a long sound tile by tile in time. Needs torch.

On a CPU large tensors cost memory traffic rather than arithmetic: within a tile all activations
stay in the cache, and no fresh pages are requested from the system.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.models.oobleck import DILATIONS, KERNEL, Oobleck, Stack

TILE = 1 << 20
"""Elements of a tile's largest tensor, 4 MB in float32: fastest of 1/4 to 8 times that."""
_BESIDE = KERNEL // 2
"""Receptive field of a convolution, in samples on each side."""
_UNITS = _BESIDE * sum(DILATIONS)
"""That of a block's residual units together."""


class TiledLayers(nn.Module):
    """Layers that process `size` input samples at a time, overlapping by `reach` on each side.

    There are `grows` output samples for each input sample, or one for each `shrinks`; `size` and
    `reach` count input samples, and are rounded up to multiples of `shrinks`.
    """

    def __init__(
        self, part: nn.Module, size: int, reach: int, grows: int = 1, shrinks: int = 1
    ) -> None:
        super().__init__()
        self.part = part
        self.size, self.reach = _round_up(size, shrinks), _round_up(reach, shrinks)
        self.grows, self.shrinks = grows, shrinks

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., T) as the layers would at once; T is a multiple of `shrinks`."""
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
        """Return the number of output samples of so many input samples."""
        return samples * self.grows // self.shrinks


def tile_codec(codec: Oobleck) -> None:
    """Make the blocks of both halves work in tiles, for inference only; results are identical.

    Call it before `lay_channels_last`. Idempotent.
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
