"""CaptureBuffer: a ring buffer written by a callback and read by any thread.

It is written all the time: a recording is just a start and an end frame in it, and may therefore
begin before the record button was pressed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MARGIN = 1 << 14
"""Extra capacity in frames: the callback may be overwriting the oldest ones during a read."""


@dataclass(slots=True, eq=False)
class Segment:
    """Consecutive frames in one format. `end` is None while the callback still adds to it."""

    samples: NDArray[np.float32]
    rate: int
    first: int
    end: int | None = None


class CaptureBuffer:
    """Holds the last `seconds`; frame numbers continue over all segments."""

    def __init__(self, ring: Any, seconds: float, rate: int, channels: int) -> None:  # noqa: ANN401
        """`ring` is the callback's record (kernel.layout.RING); 0 seconds capture nothing."""
        self._ring = ring
        self._seconds = seconds
        self.segment = self._start_segment(rate, channels)
        """The segment that is being written."""

    def _start_segment(self, rate: int, channels: int) -> Segment:
        frames = int(self._seconds * rate) + MARGIN if self._seconds > 0.0 else 0
        samples = np.empty((frames, channels), np.float32)
        samples.fill(0.0)  # touched now: no page fault in the callback
        self._ring["samples"] = samples.ctypes.data
        self._ring["capacity"] = frames
        self._ring["channels"] = channels
        return Segment(samples, rate, int(self._ring["position"]))

    def set_format(self, rate: int, channels: int) -> None:
        """Start a new segment: rate in Hz, 1 or 2 channels; only while no callback runs.

        The previous segment stays readable for those who hold it.
        """
        self.segment.end = self.position
        self.segment = self._start_segment(rate, channels)

    @property
    def position(self) -> int:
        """The number of the next frame."""
        return int(self._ring["position"])

    @property
    def channels(self) -> int:
        """Channels of the current segment."""
        return int(self.segment.samples.shape[1])

    def end_of(self, segment: Segment) -> int:
        """Return the frame after the last one of a segment so far."""
        return self.position if segment.end is None else segment.end

    def read(self, segment: Segment, start: int, end: int) -> NDArray[np.float32]:
        """Return a copy of frames `start` to before `end`, `(frames, channels)`.

        The copy is shorter where the oldest frames are overwritten already or the newest are not
        written yet. NaN and infinity, from a faulty driver, become silence.
        """
        capacity = len(segment.samples)
        end = min(end, self.end_of(segment))
        start = max(start, self._oldest(segment))
        if start >= end:
            return np.zeros((0, segment.samples.shape[1]), np.float32)
        place = start % capacity
        ahead = segment.samples[place : place + end - start]
        wrapped = segment.samples[: end - start - len(ahead)]
        copy = np.concatenate([ahead, wrapped])
        copy[~np.isfinite(copy)] = 0.0
        return copy[max(self._oldest(segment) - start, 0) :]

    def _oldest(self, segment: Segment) -> int:
        return max(segment.first, self.end_of(segment) - (len(segment.samples) - MARGIN))
