"""SoundTable: keeps sounds alive while the callback may play them. Under the mixer's lock."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.audio.kernel import layout
from app.audio.mixer.memory import MixerMemory


class SoundTable:
    """Sample sets in the kernel's table: added, retired when replaced, freed when unused."""

    def __init__(self, memory: MixerMemory) -> None:
        self._memory = memory
        self._alive: dict[int, tuple[NDArray[np.float32], ...]] = {}
        self._retired: dict[int, int] = {}
        """By place, the block after which no pad can take the set up any more."""
        self._free = list(range(layout.SAMPLE_SETS - 1, -1, -1))

    @property
    def count(self) -> int:
        """Sample sets in memory."""
        return len(self._alive)

    def add(self, layers: Sequence[NDArray[np.float32]]) -> int:
        """Write a sample set into a free place and return the place.

        Layers are as `as_playable` returns them, and must not change any more.
        """
        if not self._free:
            raise RuntimeError(f"more than {layout.SAMPLE_SETS} sounds wait for the audio callback")
        place = self._free.pop()
        self._alive[place] = tuple(layers)
        sample_set = self._memory.sample_sets[place]
        sample_set["layers"] = len(layers)
        for number, samples in enumerate(layers):
            sample_set["address"][number] = samples.ctypes.data
            sample_set["frames"][number] = len(samples)
        self._memory.order_writes()
        return place

    def retire(self, place: int) -> None:
        """Let a set that no pad asks for any more be freed once nothing plays it."""
        self._memory.order_writes()
        self._retired[place] = int(self._memory.status["blocks_begun"])

    def free_retired(self) -> None:
        """Free retired sets: the block that could still take them up is over, and then no pad
        plays them and no voice has them.

        A retired set is never played by another voice: the number of its users only falls.
        """
        memory = self._memory
        done = int(memory.status["blocks_done"])
        memory.order_writes()
        active = {int(place) for place in memory.pad_states["active_set"]}
        memory.order_writes()
        for place, begun in list(self._retired.items()):
            if done >= begun and place not in active and memory.set_users[place] == 0:
                del self._retired[place]
                del self._alive[place]
                self._free.append(place)


def as_playable(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the samples as the kernel reads them; refuse what would make it read nonsense."""
    if samples.ndim != 2 or samples.shape[1] != 2 or samples.shape[0] == 0:
        raise ValueError(f"samples must be (frames, 2) with frames > 0, got {samples.shape}")
    if samples.dtype != np.float32:
        raise ValueError(f"samples must be float32, got {samples.dtype}")
    if not np.isfinite(samples).all():
        raise ValueError("samples must be finite")
    return np.ascontiguousarray(samples)
