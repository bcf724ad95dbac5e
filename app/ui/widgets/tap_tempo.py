"""Tempo from a player's taps. Main thread; the clock is passed in."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

LONGEST_GAP_S = 2.5
"""A longer pause begins a new count: 24 bpm is the slowest tempo that can be tapped."""

MOST_TAPS = 9
SLOWEST_BPM, FASTEST_BPM = 20.0, 999.0


class TapTempo:
    """Averages the last taps."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._taps: list[float] = []

    def tap(self) -> float | None:
        """Count a tap; return the tempo in bpm, to a tenth, from the second tap on."""
        now = self._now()
        if self._taps and now - self._taps[-1] > LONGEST_GAP_S:
            self._taps.clear()
        self._taps = [*self._taps, now][-MOST_TAPS:]
        gaps = [later - earlier for earlier, later in pairwise(self._taps)]
        if not gaps or sum(gaps) <= 0:
            return None
        bpm = 60 * len(gaps) / sum(gaps)
        return min(FASTEST_BPM, max(SLOWEST_BPM, round(bpm, 1)))
