"""SoundTable: lifetime of the sounds that the callback may play. Under the mixer's lock."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.audio.kernel import layout
from app.audio.mixer.memory import MixerMemory


class SoundTable:
    """The kernel's table of sample sets: added, retired when replaced, freed when unused."""

    def __init__(self, memory: MixerMemory) -> None:
        self._memory = memory
        self._alive: dict[int, tuple[NDArray[np.float32], ...]] = {}
        self._retired: dict[int, int] = {}
        """By index, the block after which no pad can start to use the set."""
        self._free = list(range(layout.SAMPLE_SETS - 1, -1, -1))

    @property
    def count(self) -> int:
        """Number of sample sets in memory."""
        return len(self._alive)

    def add(self, layers: Sequence[NDArray[np.float32]]) -> int:
        """Write a sample set into a free entry of the table and return its index.

        Layers are as `as_playable` returns them, and must not be modified afterwards.
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
        """Mark a set that is on no pad any more to be freed once nothing plays it."""
        self._memory.order_writes()
        self._retired[place] = int(self._memory.status["blocks_begun"])

    def free_retired(self) -> None:
        """Free the retired sets that no pad and no voice uses.

        The block in which a pad could still have switched to the set must be over. After that no
        new voice starts with it: the number of its users only falls.
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
    """Return the samples as the kernel reads them; raise ValueError if it cannot play them."""
    if samples.ndim != 2 or samples.shape[1] != 2 or samples.shape[0] == 0:
        raise ValueError(f"samples must be (frames, 2) with frames > 0, got {samples.shape}")
    if samples.dtype != np.float32:
        raise ValueError(f"samples must be float32, got {samples.dtype}")
    if not np.isfinite(samples).all():
        raise ValueError("samples must be finite")
    return np.ascontiguousarray(samples)
