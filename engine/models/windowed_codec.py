"""The base of autoencoders that decode their latents in windows. Needs torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from torch import Tensor, nn


class WindowedCodec(nn.Module, ABC):
    """An autoencoder that decodes any part of its latents exactly, with the context it needs."""

    @abstractmethod
    def decode_part(self, latents: Tensor, first: int, count: int) -> Tensor:
        """Decode latents `first` to `first + count`, exactly as decoding all of them would."""

    def decode_windows(
        self, latents: Tensor, count: int, first: int, window: int
    ) -> Iterator[Tensor]:
        """Decode the first `count` latents window by window, exactly.

        The first window is `first` latents long, the others `window`. Each costs the work of its
        latents and their context, and memory is bounded by that of `window` latents and context.
        """
        begin, size = 0, min(first, window)
        while begin < count:
            yield self.decode_part(latents, begin, min(size, count - begin))
            begin, size = begin + size, window
