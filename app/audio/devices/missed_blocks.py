"""MissedBlocks: detects an output whose block size is too small, and picks a longer one.

Used by `app.audio.devices.keeper` on the sound thread.
"""

from __future__ import annotations

WINDOW_S = 2.0
MANY = 3
"""Missed blocks per window: one now and then is normal, this many mean too small a block."""
BAD_WINDOWS = 4
"""Windows in a row: the start, or loading a model, may cause misses once."""
LONGER = (512, 1024)
"""Through PulseAudio 256 frames missed nearly as many blocks as its own 104, and 512 none."""


class MissedBlocks:
    """Watches one open output."""

    def __init__(self) -> None:
        self._since_s: float | None = None
        self._missed = 0
        self._bad_windows = 0

    def are_many(self, missed: int, now_s: float) -> bool:
        """Return whether many blocks were missed in each of the last windows.

        `missed` is the total so far.
        """
        if self._since_s is None:
            self._since_s, self._missed = now_s, missed
        elif now_s - self._since_s >= WINDOW_S:
            bad = missed - self._missed >= MANY
            self._bad_windows = self._bad_windows + 1 if bad else 0
            self._since_s, self._missed = now_s, missed
        return self._bad_windows >= BAD_WINDOWS


def next_longer(block_frames: int) -> int | None:
    """Return the next longer block; None when a longer one would be too slow to play."""
    return next((longer for longer in LONGER if longer > block_frames), None)
