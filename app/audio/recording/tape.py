"""Tape: the last minute of a sound, which a callback writes and any thread of the app reads.

It always rolls: a recording is two frames on it, so that it can begin before anybody asked for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MARGIN = 1 << 14
"""Frames beyond what is promised: the callback may be writing its next block over the oldest."""


@dataclass(slots=True, eq=False)
class Reel:
    """A stretch of tape in one format, without a gap. `end` is None while it still rolls."""

    samples: NDArray[np.float32]
    rate: int
    first: int
    end: int | None = None


class Tape:
    """Remembers `seconds` of what passes; frames are counted from the start, over all reels."""

    def __init__(self, words: Any, seconds: float, rate: int, channels: int) -> None:  # noqa: ANN401
        """`words` is the callback's record (kernel.memory.TAPE); 0 seconds keep nothing."""
        self._words = words
        self._seconds = seconds
        self.reel = self._wind(rate, channels)
        """The reel that rolls."""

    def _wind(self, rate: int, channels: int) -> Reel:
        frames = int(self._seconds * rate) + MARGIN if self._seconds > 0.0 else 0
        samples = np.empty((frames, channels), np.float32)
        samples.fill(0.0)  # touched now: no page fault in the callback
        self._words["samples"] = samples.ctypes.data
        self._words["capacity"] = frames
        self._words["channels"] = channels
        return Reel(samples, rate, int(self._words["position"]))

    def set_format(self, rate: int, channels: int) -> None:
        """Go on with another reel: rate in Hz, 1 or 2 channels; only while no callback runs.

        What is on the reel before can still be read by those who hold it.
        """
        self.reel.end = self.position
        self.reel = self._wind(rate, channels)

    @property
    def position(self) -> int:
        """The number of the next frame."""
        return int(self._words["position"])

    @property
    def channels(self) -> int:
        """Channels of the reel that rolls."""
        return int(self.reel.samples.shape[1])

    def end_of(self, reel: Reel) -> int:
        """Return the frame behind the last one that is on a reel by now."""
        return self.position if reel.end is None else reel.end

    def read(self, reel: Reel, start: int, end: int) -> NDArray[np.float32]:
        """Return a copy of frames `start` to before `end`, `(frames, channels)`.

        What is no longer there is missing at the front, what is not there yet at the end. A broken
        driver's NaN and infinity become silence.
        """
        capacity = len(reel.samples)
        end = min(end, self.end_of(reel))
        start = max(start, self._oldest(reel))
        if start >= end:
            return np.zeros((0, reel.samples.shape[1]), np.float32)
        place = start % capacity
        ahead = reel.samples[place : place + end - start]
        wrapped = reel.samples[: end - start - len(ahead)]
        copy = np.concatenate([ahead, wrapped])
        copy[~np.isfinite(copy)] = 0.0
        return copy[max(self._oldest(reel) - start, 0) :]

    def _oldest(self, reel: Reel) -> int:
        return max(reel.first, self.end_of(reel) - (len(reel.samples) - MARGIN))
