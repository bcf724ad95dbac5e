"""ClockSync: our tempo follows another box's clock, and others may follow ours. Main thread.

Our beats follow it by app.actions.beat. `beats` is asked by the outputs' thread; it only reads
single values.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from app.midi.clock.receiver import ClockReceiver
from app.midi.clock.timeline import Timeline
from app.model.parameters import TEMPO
from app.model.session import Session

LEAST_CHANGE_BPM = 0.1
"""As exact as the tempo is shown: smoothing leaves some hundredths that nobody is to see dance."""


HELD_S = 0.5
"""A sound card that does not call back for so long has stopped; before that it has hiccups, and who
follows us is not to stop and start with them."""


class BeatClock(Protocol):
    """What sending a clock needs of app.audio.mixer.clock.Clock."""

    @property
    def bpm(self) -> float:
        """The tempo."""
        ...

    def beat_at(self, time_s: float) -> float | None:
        """Return the beat at a moment (time.perf_counter); None where that is not known."""
        ...


class ClockSync:
    """Keeps our tempo on the clock that is followed, and says what others are sent."""

    def __init__(
        self,
        session: Session,
        clock_receiver: ClockReceiver,
        clock: BeatClock | None = None,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Without a `clock` the session's tempo is all that is sent."""
        self._session = session
        self.receiver = clock_receiver
        """The clock that is followed."""
        self._clock = clock
        self._told: Timeline | None = None
        self.now = now
        self._own = Timeline(now(), 0.0, session.bpm, running=False)
        session.settings_changed.connect(self._follow_session)

    @property
    def text(self) -> str:
        """What is heard of the clock that is followed; "" while none is."""
        if not self.receiver.port:
            return ""
        line = self.receiver.read(self.now())
        if line is None:
            return "no ticks yet"
        return f"{line.bpm:.1f} bpm, {'running' if line.running else 'stopped'}"

    def tick(self) -> None:
        """Take over the tempo that is followed; to be called a few times a second."""
        line = self.followed()
        if line is not None and abs(line.bpm - self._session.bpm) >= LEAST_CHANGE_BPM:
            self._session.bpm = TEMPO.clamp(round(line.bpm, 1))

    def followed(self) -> Timeline | None:
        """Return the beats of the clock that is followed; None while none ticks. Any thread."""
        return self.receiver.read(self.now())

    def beats(self) -> Timeline | None:
        """Return the beats that others are sent: those that are followed, else our own.

        The outputs' thread.
        """
        line = self.followed()
        if line is not None:
            return line
        now = self.now()
        beat = None if self._clock is None else self._clock.beat_at(now)
        if self._clock is not None and beat is not None:
            # Others are to be heard with us, and we are heard later.
            heard = beat - self._session.heard_after_s * self._clock.bpm / 60
            self._told = Timeline(now, heard, self._clock.bpm)
        if self._told is None or now - self._told.time_s > HELD_S:
            return self._own
        return self._told

    def _follow_session(self) -> None:
        if self._session.bpm != self._own.bpm:
            self._own = self._own.at_tempo(self._session.bpm, self.now())
