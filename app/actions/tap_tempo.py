"""TapTempo: sets the session's tempo from taps, by mouse, keys or MIDI. Main thread only."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise

from app.model.parameters import TEMPO
from app.model.session import Session

LONGEST_GAP_S = 2.5
"""A longer pause starts a new count: 24 bpm is the slowest tempo that can be tapped."""

MOST_TAPS = 9


class TapTempo:
    """Averages the last MOST_TAPS taps."""

    def __init__(self, session: Session, now: Callable[[], float] = time.perf_counter) -> None:
        self._session = session
        self._now = now
        self._taps: list[float] = []

    def tap(self) -> None:
        """Count a tap; from the second one on they set the tempo, to a tenth of a bpm."""
        now = self._now()
        if self._taps and now - self._taps[-1] > LONGEST_GAP_S:
            self._taps.clear()
        self._taps = [*self._taps, now][-MOST_TAPS:]
        gaps = [later - earlier for earlier, later in pairwise(self._taps)]
        if sum(gaps) > 0:
            self._session.bpm = TEMPO.clamp(round(60 * len(gaps) / sum(gaps), 1))
