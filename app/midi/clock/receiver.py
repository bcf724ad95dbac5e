"""ClockReceiver: tempo and beat of an external MIDI clock. Receives on the MIDI thread.

Clock ticks come at 24 per beat and jitter: milliseconds over USB, 0.7 ms from our own polling. A
line fitted by least squares to the last four beats of ticks gives the tempo and the beat.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from app.midi.clock.timeline import Timeline
from app.midi.messages.controller_map import strip_alsa_number
from app.midi.messages.message import (
    TICKS_PER_BEAT,
    TICKS_PER_SIXTEENTH,
    ClockMessage,
    SongPosition,
)

MAX_TICKS = 4 * TICKS_PER_BEAT
"""With 1 ms of jitter the tempo is then within some 0.02 bpm."""
MIN_TICKS = 7
"""A quarter of a beat: fewer do not determine a tempo."""
RECENT_TICKS = 6
TEMPO_CHANGE_S = 0.004
"""When the last RECENT_TICKS lie this far off the line on average, the tempo has changed."""
TIMEOUT_S = 0.5
"""After so long without a tick the clock is gone; the slowest tempo, 20 bpm, ticks in 0.125 s."""


class ClockReceiver:
    """Follows the clock of one port; any thread may read where it is."""

    def __init__(self) -> None:
        self.port = ""
        """The followed port, without ALSA's number; "" follows none."""
        self._ticks: deque[tuple[int, float]] = deque(maxlen=MAX_TICKS)
        self._count = 0
        self._position: int | None = None
        """Song position of the last tick, in ticks; None while stopped."""
        self._next_position = 0
        """Where the song continues, in ticks."""
        self._timeline: Timeline | None = None

    # --- any thread ---

    def follow(self, port: str) -> None:
        """Follow the clock of this port from now on; "" follows none."""
        self.port = port
        self._timeline = None

    def read(self, now_s: float) -> Timeline | None:
        """Return the timeline of the followed clock; None while it does not tick."""
        timeline = self._timeline
        return timeline if timeline is not None and now_s - timeline.time_s <= TIMEOUT_S else None

    # --- MIDI thread ---

    def receive(self, message: ClockMessage | SongPosition, time_s: float, port: str) -> str:
        """Receive a message that came at `time_s` (time.perf_counter); return what it did."""
        if not self.port or strip_alsa_number(port) != self.port:
            return "clock not followed"
        if isinstance(message, SongPosition):
            self._next_position = message.sixteenths * TICKS_PER_SIXTEENTH
            if self._position is not None:
                self._position = self._next_position - 1
            return f"song position {message.sixteenths} sixteenths"
        match message.kind:
            case "start":
                # MIDI 1.0: the first tick after a start is the first beat itself.
                self._next_position = 0
                self._position = -1
                return "start at the next tick"
            case "continue":
                self._position = self._next_position - 1
                return "continue at the next tick"
            case "stop":
                self._stop(time_s)
                return "stop"
            case "tick":
                self._tick(time_s)
        return ""

    def _stop(self, time_s: float) -> None:
        if self._position is not None:
            self._next_position = self._position + 1
            self._position = None
        self._update_timeline()

    def _tick(self, time_s: float) -> None:
        elapsed = self._count_elapsed(time_s)
        self._count += elapsed
        if self._position is not None:
            # Straight after a start no tick can have been lost before the first.
            self._position += 1 if self._position == self._next_position - 1 else elapsed
        self._ticks.append((self._count, time_s))
        self._drop_old_tempo()
        self._update_timeline()

    def _count_elapsed(self, time_s: float) -> int:
        """Return by how many ticks the clock advanced: a driver may have dropped some."""
        if not self._ticks:
            return 1
        gap_s = time_s - self._ticks[-1][1]
        if gap_s > TIMEOUT_S:
            self._ticks.clear()
            return 1
        fit = _fit_line(self._ticks) if len(self._ticks) >= MIN_TICKS else None
        if fit is None or fit.period_s <= 0:
            return 1
        due = round((time_s - fit.time_of(self._count)) / fit.period_s)
        # More than a beat is not a dropout of the driver but another tempo.
        return due if 1 < due <= TICKS_PER_BEAT and gap_s > 1.6 * fit.period_s else 1

    def _drop_old_tempo(self) -> None:
        if len(self._ticks) < MIN_TICKS + RECENT_TICKS:
            return
        older = [self._ticks[n] for n in range(len(self._ticks) - RECENT_TICKS)]
        fit = _fit_line(older)
        recent = [self._ticks[n - RECENT_TICKS] for n in range(RECENT_TICKS)]
        off = sum(time_s - fit.time_of(count) for count, time_s in recent) / RECENT_TICKS
        if abs(off) > max(TEMPO_CHANGE_S, 0.1 * fit.period_s):
            while len(self._ticks) > RECENT_TICKS:
                self._ticks.popleft()

    def _update_timeline(self) -> None:
        if len(self._ticks) < MIN_TICKS:
            return
        fit = _fit_line(self._ticks)
        if fit.period_s <= 0:
            return
        running = self._position is not None
        position = self._position if self._position is not None else self._next_position
        # Anchored where the fit puts the last tick, which leaves out that tick's own jitter.
        self._timeline = Timeline(
            fit.time_of(self._count),
            position / TICKS_PER_BEAT,
            60 / (TICKS_PER_BEAT * fit.period_s),
            running,
        )


@dataclass(frozen=True, slots=True)
class _Fit:
    """The regression line through the ticks."""

    mean_count: float
    mean_s: float
    period_s: float

    def time_of(self, count: int) -> float:
        """Return when a tick should have come."""
        return self.mean_s + (count - self.mean_count) * self.period_s


def _fit_line(ticks: deque[tuple[int, float]] | list[tuple[int, float]]) -> _Fit:
    """Fit a line to (count, seconds) by least squares."""
    number = len(ticks)
    mean_count = sum(count for count, _ in ticks) / number
    mean_s = sum(time_s for _, time_s in ticks) / number
    spread = sum((count - mean_count) ** 2 for count, _ in ticks)
    slope = sum((count - mean_count) * (time_s - mean_s) for count, time_s in ticks)
    return _Fit(mean_count, mean_s, slope / spread if spread else 0.0)
