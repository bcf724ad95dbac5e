"""A mixer that writes down what it is told."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.audio.mixer.clock import Quantum
from app.audio.mixer.pad_parameters import PadParameters


class FakeMixer:
    keys = range(16)

    def __init__(self, rate: int = 48_000) -> None:
        self.rate = rate
        self.sounds: dict[int, NDArray[np.float32] | None] = {}
        self.layers: dict[int, tuple[NDArray[np.float32], ...]] = {}
        self.swaps: dict[int, Quantum] = {}
        self.settings: dict[int, PadParameters] = {}
        self.calls: list[tuple[object, ...]] = []
        self.times_s: list[float | None] = []
        """When what was played happened, hit by hit and release by release."""

    def load_layers(
        self, pad: int, layers: Sequence[NDArray[np.float32]], at: Quantum = "now"
    ) -> None:
        assert 0 <= pad < 16
        self.layers[pad] = tuple(layers)
        self.swaps[pad] = at
        for samples in layers:
            assert samples.dtype == np.float32 and samples.ndim == 2 and samples.shape[1] == 2
            assert samples.flags.c_contiguous
        self.sounds[pad] = layers[0] if layers else None

    def configure(self, pad: int, parameters: PadParameters) -> None:
        self.settings[pad] = parameters

    def hit(self, key: int, velocity: float = 1.0, time_s: float | None = None) -> None:
        assert key in self.keys and 0.0 <= velocity <= 1.0
        self.calls.append(("hit", key, velocity))
        self.times_s.append(time_s)

    def release(self, key: int, time_s: float | None = None) -> None:
        self.calls.append(("release", key))
        self.times_s.append(time_s)

    def stop_all(self) -> None:
        self.calls.append(("stop_all",))

    def playing(self, pad: int) -> float | None:
        return None
