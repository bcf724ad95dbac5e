"""From latents to sound: at once, or in windows where memory is short. Engine process."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from engine.api import Recipe
from engine.clip import Clip
from engine.hardware.memory import empty_caches, free_bytes, is_out_of_memory
from engine.loading.sound_model import WHOLE, PlayableModel, Windows
from engine.sound.postprocess import finished_clip
from engine.sound.spectral_features import RATE_HZ

FIRST_PART = 32
"""Latents that are decoded first, where somebody waits to hear them: 1.5 s of Stable Audio."""
LEAST_WINDOW = 8
BYTES_A_SAMPLE = 2048
"""What decoding one sample takes at most: four times 128 channels in float32."""

OnPart = Callable[[Clip], None]


class Decoder:
    """Decodes with a model on a device; `in_parts` says whether memory was short for a sound."""

    def __init__(self, model: PlayableModel, device: str) -> None:
        self._model = model
        self._device = device
        self.in_parts = False

    def decoded(self, latents: Tensor, recipe: Recipe, on_part: OnPart | None) -> Clip:
        """Decode at once, or, where memory is short, in windows half as long until they fit.

        `on_part` gets the beginning of a long sound before the rest is decoded.
        """
        window = self.window()
        while True:
            windows = self._windows(recipe, window, on_part)
            parts = self._model.decode_parts(latents, frames_of(recipe), recipe.seed or 0, windows)
            try:
                return finished_clip(_joined(parts, windows, on_part))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or window <= LEAST_WINDOW:
                    raise
            window = max(min(window, latents.shape[-1]) // 2, LEAST_WINDOW)
            self.in_parts, on_part = True, None
            empty_caches()

    def window(self) -> int:
        """As many latents as half of the free memory holds: a full one may end the process."""
        free = free_bytes(self._device)
        if free is None:
            return WHOLE
        return max(free // 2 // BYTES_A_SAMPLE // self._model.samples_per_latent, LEAST_WINDOW)

    def _windows(self, recipe: Recipe, window: int, on_part: OnPart | None) -> Windows:
        long = frames_of(recipe) > 2 * FIRST_PART * self._model.samples_per_latent
        return Windows(FIRST_PART if on_part is not None and long else window, window)


def frames_of(recipe: Recipe) -> int:
    """Return how many samples a recipe's sound has."""
    return round(recipe.seconds * RATE_HZ)


def _joined(
    parts: Iterator[Tensor], windows: Windows, on_part: OnPart | None
) -> NDArray[np.float32]:
    """All parts as (frames, 2); the first one is said where it is not yet all."""
    pieces: list[NDArray[np.float32]] = []
    for part in parts:
        pieces.append(np.ascontiguousarray(part[0].numpy().T, np.float32))
        if on_part is not None and len(pieces) == 1 and windows.first == FIRST_PART:
            on_part(finished_clip(pieces[0].copy()))
    return np.concatenate(pieces)
