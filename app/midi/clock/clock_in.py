"""ClockIn: another box's tempo and beats, out of its clock's ticks. Receives on the MIDI thread.

Ticks come 24 a beat and jitter: USB in milliseconds, our own polling in 0.7 ms. A straight line
through the last four beats of them is the tempo; where it leads is where the beat is.
"""

from __future__ import annotations

from collections import deque

from app.midi.clock.beats import BeatLine
from app.midi.messages.controller_map import known_name
from app.midi.messages.messages import TICKS_PER_BEAT, TICKS_PER_SIXTEENTH, Clock, SongPosition

MOST_TICKS = 4 * TICKS_PER_BEAT
"""With 1 ms of jitter the tempo then stands within some 0.02 bpm."""
FEWEST_TICKS = 7
"""A quarter of a beat: fewer say nothing about a tempo."""
RECENT = 6
LATE_S = 0.004
"""When the last RECENT ticks lie this far off the line on average, the tempo has changed."""
LOST_S = 0.5
"""After so long without a tick the clock is gone: the slowest tempo, 20 bpm, ticks in 0.125 s."""


class ClockIn:
    """Follows one port's clock. What it found is one value that any thread may read."""

    def __init__(self) -> None:
        self.port = ""
        """Name of the port that is followed (`known_name`); "" follows none."""
        self._ticks: deque[tuple[int, float]] = deque(maxlen=MOST_TICKS)
        self._count = 0
        self._place: int | None = None
        self._next_place = 0
        self._line: BeatLine | None = None

    # --- any thread ---

    def follow(self, port: str) -> None:
        """Follow the clock of this port from now on; "" follows none."""
        self.port = port
        self._line = None

    def line(self, now_s: float) -> BeatLine | None:
        """Return the beats as they are; None while no clock ticks."""
        line = self._line
        return line if line is not None and now_s - line.time_s <= LOST_S else None

    # --- MIDI thread ---

    def receive(self, message: Clock | SongPosition, time_s: float, port: str) -> str:
        """Take in a message, `time_s` by time.perf_counter; return what it did."""
        if not self.port or known_name(port) != self.port:
            return "a clock nobody follows"
        if isinstance(message, SongPosition):
            self._next_place = message.sixteenths * TICKS_PER_SIXTEENTH
            if self._place is not None:
                self._place = self._next_place - 1
            return f"to sixteenth {message.sixteenths}"
        match message.kind:
            case "start":
                # By MIDI 1.0 the first tick after a start is the first beat itself.
                self._next_place = 0
                self._place = -1
                return "start at the next tick"
            case "continue":
                self._place = self._next_place - 1
                return "go on at the next tick"
            case "stop":
                self._stop(time_s)
                return "stop"
            case "tick":
                self._tick(time_s)
        return ""

    def _stop(self, time_s: float) -> None:
        if self._place is not None:
            self._next_place = self._place + 1
            self._place = None
        self._tell(time_s)

    def _tick(self, time_s: float) -> None:
        passed = self._passed(time_s)
        self._count += passed
        if self._place is not None:
            # Straight after a start no tick can have been lost before the first.
            self._place += 1 if self._place == self._next_place - 1 else passed
        self._ticks.append((self._count, time_s))
        self._forget_an_old_tempo()
        self._tell(time_s)

    def _passed(self, time_s: float) -> int:
        """Return how many ticks ago the last one was: a driver may have dropped some."""
        if not self._ticks:
            return 1
        gap_s = time_s - self._ticks[-1][1]
        if gap_s > LOST_S:
            self._ticks.clear()
            return 1
        fit = _fit(self._ticks) if len(self._ticks) >= FEWEST_TICKS else None
        if fit is None or fit.period_s <= 0:
            return 1
        due = round((time_s - fit.at(self._count)) / fit.period_s)
        # More than a beat is no slip of a driver but another tempo.
        return due if 1 < due <= TICKS_PER_BEAT and gap_s > 1.6 * fit.period_s else 1

    def _forget_an_old_tempo(self) -> None:
        if len(self._ticks) < FEWEST_TICKS + RECENT:
            return
        older = [self._ticks[n] for n in range(len(self._ticks) - RECENT)]
        fit = _fit(older)
        recent = [self._ticks[n - RECENT] for n in range(RECENT)]
        off = sum(time_s - fit.at(count) for count, time_s in recent) / RECENT
        if abs(off) > max(LATE_S, 0.1 * fit.period_s):
            while len(self._ticks) > RECENT:
                self._ticks.popleft()

    def _tell(self, time_s: float) -> None:
        if len(self._ticks) < FEWEST_TICKS:
            return
        fit = _fit(self._ticks)
        if fit.period_s <= 0:
            return
        running = self._place is not None
        place = self._place if self._place is not None else self._next_place
        # The line says where the last tick should have been: its own jitter is left out.
        smooth_s = fit.at(self._count)
        self._line = BeatLine(
            smooth_s, place / TICKS_PER_BEAT, 60 / (TICKS_PER_BEAT * fit.period_s), running
        )


class _Fit:
    """The straight line nearest to ticks: when each of them should have come."""

    def __init__(self, mean_count: float, mean_s: float, period_s: float) -> None:
        self._mean_count = mean_count
        self._mean_s = mean_s
        self.period_s = period_s

    def at(self, count: int) -> float:
        return self._mean_s + (count - self._mean_count) * self.period_s


def _fit(ticks: deque[tuple[int, float]] | list[tuple[int, float]]) -> _Fit:
    """Least squares over (count, seconds)."""
    number = len(ticks)
    mean_count = sum(count for count, _ in ticks) / number
    mean_s = sum(time_s for _, time_s in ticks) / number
    spread = sum((count - mean_count) ** 2 for count, _ in ticks)
    slope = sum((count - mean_count) * (time_s - mean_s) for count, time_s in ticks)
    return _Fit(mean_count, mean_s, slope / spread if spread else 0.0)
