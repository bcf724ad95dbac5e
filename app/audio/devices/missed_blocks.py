"""MissedBlocks: whether an output keeps up with its blocks, and what else it should be given.

Not a thread itself: `app.audio.devices.keeper` asks it on the sound thread.
"""

from __future__ import annotations

WINDOW_S = 2.0
MANY = 3
"""Blocks missed in that time: one now and then is the machine's, this many are the block's."""
BAD_WINDOWS = 4
"""In a row: a start, or a model that loads, may take its time once."""
LONGER = (512, 1024)
"""Through PulseAudio 256 frames lost nearly as much as its own 104, and 512 nothing."""


class MissedBlocks:
    """Judges one open output."""

    def __init__(self) -> None:
        self._since_s: float | None = None
        self._missed = 0
        self._bad_windows = 0

    def are_many(self, missed: int, now_s: float) -> bool:
        """Say whether many blocks were missed in each of the last windows; `missed` is the sum."""
        if self._since_s is None:
            self._since_s, self._missed = now_s, missed
        elif now_s - self._since_s >= WINDOW_S:
            bad = missed - self._missed >= MANY
            self._bad_windows = self._bad_windows + 1 if bad else 0
            self._since_s, self._missed = now_s, missed
        return self._bad_windows >= BAD_WINDOWS


def next_longer(block_frames: int) -> int | None:
    """Return the next longer block; None when there is none that can still be played."""
    return next((longer for longer in LONGER if longer > block_frames), None)
