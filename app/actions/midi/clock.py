"""ClockSync: follows the tempo of an external MIDI clock, and provides ours to send. Main thread.

The beats are synchronised by app.actions.beat. `read_outgoing` runs on the outputs' thread and only
reads single values.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from app.audio.mixer.clock import Clock
from app.midi.clock.receiver import ClockReceiver
from app.midi.clock.timeline import Timeline
from app.model.parameters import TEMPO
from app.model.session import Session

MIN_CHANGE_BPM = 0.1
"""The precision of the tempo in the window: smoothing leaves hundredths that would flicker."""

MAX_GAP_S = 0.5
"""After so long without callbacks the sound card has stopped; until then the last tempo is sent, so
that followers do not stop and start at every dropout."""


class ClockSync:
    """Sets the session to the leader's tempo, and provides the timeline to send."""

    def __init__(
        self,
        session: Session,
        receiver: ClockReceiver,
        clock: Clock | None = None,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Without a `clock` only the session's tempo is sent."""
        self._session = session
        self.receiver = receiver
        self._clock = clock
        self._last_sent: Timeline | None = None
        self.now = now
        self._own = Timeline(now(), 0.0, session.bpm, running=False)
        session.settings_changed.connect(self._follow_session)

    @property
    def text(self) -> str:
        """The state of the followed clock; "" while none is followed."""
        if not self.receiver.port:
            return ""
        timeline = self.receiver.read(self.now())
        if timeline is None:
            return "no ticks yet"
        return f"{timeline.bpm:.1f} bpm, {'running' if timeline.running else 'stopped'}"

    def tick(self) -> None:
        """Take over the leader's tempo; called twice a second."""
        timeline = self.read_leader()
        if timeline is not None and abs(timeline.bpm - self._session.bpm) >= MIN_CHANGE_BPM:
            self._session.bpm = TEMPO.clamp(round(timeline.bpm, 1))

    def read_leader(self) -> Timeline | None:
        """Return the timeline of the followed clock; None while it does not tick. Any thread."""
        return self.receiver.read(self.now())

    def read_outgoing(self) -> Timeline | None:
        """Return the timeline to send: the leader's, else our own. The outputs' thread."""
        timeline = self.read_leader()
        if timeline is not None:
            return timeline
        now = self.now()
        beat = None if self._clock is None else self._clock.beat_at(now)
        if self._clock is not None and beat is not None:
            # Followers must match the audible beat, which is late by the output latency.
            audible = beat - self._session.hit_latency_s * self._clock.bpm / 60
            self._last_sent = Timeline(now, audible, self._clock.bpm)
        if self._last_sent is None or now - self._last_sent.time_s > MAX_GAP_S:
            return self._own
        return self._last_sent

    def _follow_session(self) -> None:
        if self._session.bpm != self._own.bpm:
            self._own = self._own.at_tempo(self._session.bpm, self.now())
