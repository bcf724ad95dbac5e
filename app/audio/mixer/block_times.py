"""BlockTimes: converts between times and frames, from the last block's time. Any thread."""

from __future__ import annotations

from dataclasses import dataclass

from app.audio.mixer.memory import MixerMemory

FARTHEST_BLOCKS = 8
"""A time further ahead of the last block than this is taken to be wrong."""


@dataclass(frozen=True, slots=True)
class _Block:
    """A block of `frames` before `next_frame`, begun at `begin_s` (time.perf_counter)."""

    next_frame: int
    frames: int
    begin_s: float


class BlockTimes:
    """Times are of time.perf_counter; frames are on the mixer's clock."""

    def __init__(self, memory: MixerMemory) -> None:
        self._memory = memory

    def frame_of_moment(self, time_s: float) -> int | None:
        """Return the frame played one block after `time_s`; None where that is not known."""
        last = self._last_block()
        if last is None:
            return None
        frame = last.next_frame + round((time_s - last.begin_s) * self._rate)
        earliest = last.next_frame - last.frames
        latest = last.next_frame + FARTHEST_BLOCKS * last.frames
        return frame if earliest <= frame <= latest else None

    def moment_of_frame(self, frame: int) -> float | None:
        """Return when the callback reaches a frame; None where that is not known."""
        last = self._last_block()
        if last is None:
            return None
        return last.begin_s + (frame - (last.next_frame - last.frames)) / self._rate

    @property
    def _rate(self) -> int:
        return int(self._memory.control["rate"])

    def _last_block(self) -> _Block | None:
        """Return the last complete block; None before the first, and without a clock."""
        status = self._memory.status
        for _ in range(3):
            done = int(status["blocks_done"])
            frame, block = int(status["frame"]), int(status["block_frames"])
            begin = int(status["block_ticks"])
            if done == int(status["blocks_begun"]) == int(status["blocks_done"]) and begin:
                per_s = int(self._memory.control["ticks_per_s"])
                return _Block(frame, block, begin / per_s)
        return None
