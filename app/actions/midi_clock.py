"""MidiClock: the tempo follows another box's clock, and others may follow ours. Main thread.

`beats` is read by the outputs' thread; it only reads one value.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from app.midi.beats import BeatLine
from app.midi.clock_in import ClockIn
from app.model.session import Session

LEAST_CHANGE_BPM = 0.1
"""As exact as the tempo is shown: smoothing leaves some hundredths that nobody is to see dance."""


class MidiClock:
    """Keeps the session's tempo on the clock that is followed."""

    def __init__(
        self, session: Session, clock_in: ClockIn, now: Callable[[], float] = time.perf_counter
    ) -> None:
        self._session = session
        self._clock_in = clock_in
        self.now = now
        self._own = BeatLine(now(), 0.0, session.bpm, running=False)
        session.settings_changed.connect(self._follow_session)

    @property
    def text(self) -> str:
        """What is heard of the clock that is followed; "" while none is."""
        if not self._clock_in.port:
            return ""
        line = self._clock_in.line(self.now())
        if line is None:
            return "no ticks yet"
        return f"{line.bpm:.1f} bpm, {'running' if line.running else 'stopped'}"

    def look(self) -> None:
        """Take over the tempo that is followed; to be called a few times a second."""
        line = self._clock_in.line(self.now())
        if line is not None and abs(line.bpm - self._session.bpm) >= LEAST_CHANGE_BPM:
            self._session.bpm = min(max(round(line.bpm, 1), 20.0), 999.0)

    def beats(self) -> BeatLine | None:
        """Return the beats that others are sent: those that are followed, else our own tempo."""
        return self._clock_in.line(self.now()) or self._own

    def _follow_session(self) -> None:
        if self._session.bpm != self._own.bpm:
            self._own = self._own.at_tempo(self._session.bpm, self.now())
