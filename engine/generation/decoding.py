"""Decodes latents to a clip: at once, or in windows where memory is short. Needs torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from engine.api import Recipe
from engine.clip import Clip
from engine.hardware.memory import empty_caches, free_bytes, is_out_of_memory
from engine.loading.sound_model import WHOLE, DecodeWindows, SoundModel
from engine.sound.postprocess import postprocess

PREVIEW_LATENTS = 32
"""Latents decoded first, as a preview of a long sound: 1.5 s of Stable Audio."""
LEAST_WINDOW = 8
BYTES_A_SAMPLE = 2048
"""Upper bound of the memory to decode one sample: four times 128 channels in float32."""

OnPreview = Callable[[Clip], None]


class Decoder:
    """Decodes with a model on a device; `was_windowed` says whether memory was short."""

    def __init__(self, model: SoundModel, device: str) -> None:
        self._model = model
        self._device = device
        self.was_windowed = False

    def decode(self, latents: Tensor, recipe: Recipe, on_preview: OnPreview | None) -> Clip:
        """Decode as far as memory allows at once; on out-of-memory halve the window until it fits.

        `on_preview` gets the beginning of a long sound before the rest is decoded.
        """
        window = self.largest_window()
        frames = count_frames(recipe, self._model.sample_rate)
        while True:
            windows = self._windows(frames, window, on_preview)
            parts = self._model.decode_windows(latents, frames, recipe.seed or 0, windows)
            try:
                return self._concat(parts, windows, on_preview)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or window <= LEAST_WINDOW:
                    raise
            window = max(min(window, latents.shape[-1]) // 2, LEAST_WINDOW)
            self.was_windowed, on_preview = True, None
            empty_caches()

    def largest_window(self) -> int:
        """Return how many latents fit half of the free memory; filling it may end the process."""
        free = free_bytes(self._device)
        if free is None:
            return WHOLE
        return max(free // 2 // BYTES_A_SAMPLE // self._model.samples_per_latent, LEAST_WINDOW)

    def _windows(self, frames: int, window: int, on_preview: OnPreview | None) -> DecodeWindows:
        is_long = frames > 2 * PREVIEW_LATENTS * self._model.samples_per_latent
        with_preview = on_preview is not None and is_long
        return DecodeWindows(PREVIEW_LATENTS if with_preview else window, window)

    def _concat(
        self, parts: Iterator[Tensor], windows: DecodeWindows, on_preview: OnPreview | None
    ) -> Clip:
        """Concatenate all parts; the first one is a preview where it is not yet all."""
        rate = self._model.sample_rate
        pieces: list[NDArray[np.float32]] = []
        for part in parts:
            pieces.append(np.ascontiguousarray(part[0].numpy().T, np.float32))
            if on_preview is not None and len(pieces) == 1 and windows.first == PREVIEW_LATENTS:
                on_preview(postprocess(pieces[0].copy(), rate))
        return postprocess(np.concatenate(pieces), rate)


def count_frames(recipe: Recipe, rate: int) -> int:
    """Return how many frames a recipe's clip has at a sample rate."""
    return round(recipe.seconds * rate)
