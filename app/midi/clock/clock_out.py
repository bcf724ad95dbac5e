"""ClockOut: sends a clock, 24 ticks a beat, with start, stop and song position.

Runs on the outputs' thread; where the beat is, it asks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from app.midi.clock.beats import BeatLine
from app.midi.messages.controller_map import known_name
from app.midi.messages.messages import (
    CONTINUE,
    SONG_POSITION,
    START,
    STOP,
    TICK,
    TICKS_PER_BEAT,
    TICKS_PER_SIXTEENTH,
)

MOST_AT_ONCE = TICKS_PER_BEAT
"""After a stall no more ticks are made up for than a beat; the rest is skipped, and said anew."""
LAST_POSITION = 16_383


class ClockOut:
    """Follows a BeatLine and says it as bytes."""

    hurried = True

    def __init__(self, beats: Callable[[], BeatLine | None]) -> None:
        """`beats` says where the beat is, None for no clock at all; any thread."""
        self._beats = beats
        self.port = ""
        """Name of the port that is sent a clock (`known_name`); "" sends none. Main thread."""
        self._sent: int | None = None
        self._running = False
        self._free = 0.0
        self._free_since_s: float | None = None

    def wanted(self, names: Sequence[str]) -> frozenset[str]:
        """Return the port, if it is there."""
        return frozenset(name for name in names if self.port and known_name(name) == self.port)

    def begin(self, name: str) -> Iterable[bytes]:
        """Begin anew."""
        self._sent, self._running, self._free_since_s = None, False, None
        return []

    def end(self, name: str) -> Iterable[bytes]:
        """Leave nobody running."""
        return [bytes([STOP])] if self._running else []

    def due(self, name: str, now_s: float) -> Iterable[bytes]:
        """Return the ticks since the last call, and what began or ended before them."""
        line = self._beats()
        if line is None:
            return self._halt()
        # The last tick that has passed; 1e-9 for a beat that a rounding puts just before itself.
        place = math.floor(line.beat_at(now_s) * TICKS_PER_BEAT + 1e-9)
        # Nothing can be told of what comes before the start: a count-in has its tempo alone.
        if not line.running or place < 0:
            return [*self._halt(), *self._tick_freely(line, now_s)]
        self._free_since_s = None
        messages: list[bytes] = []
        if not self._running or self._jumped(place):
            # Positions are told in sixteenths: the next one that begins, unless one just did.
            first = -(-place // TICKS_PER_SIXTEENTH) * TICKS_PER_SIXTEENTH
            messages += self._go(first)
        assert self._sent is not None
        ticks = max(place - self._sent, 0)
        self._sent += ticks
        return messages + [bytes([TICK])] * ticks

    def _jumped(self, place: int) -> bool:
        assert self._sent is not None
        ahead = place - self._sent
        return ahead > MOST_AT_ONCE or ahead < -TICKS_PER_SIXTEENTH

    def _go(self, first: int) -> list[bytes]:
        messages = [bytes([STOP])] if self._running else []
        self._running, self._sent = True, first - 1
        if first == 0:
            return [*messages, bytes([START])]
        position = min(first // TICKS_PER_SIXTEENTH, LAST_POSITION)
        data = bytes([SONG_POSITION, position % 128, position // 128])
        return [*messages, data, bytes([CONTINUE])]

    def _halt(self) -> list[bytes]:
        if not self._running:
            return []
        self._running, self._sent = False, None
        return [bytes([STOP])]

    def _tick_freely(self, line: BeatLine, now_s: float) -> list[bytes]:
        """Tick while the song stands, so that others know the tempo before it starts."""
        if self._free_since_s is None:
            self._free_since_s, self._free = now_s, 0.0
        self._free += (now_s - self._free_since_s) * line.bpm / 60 * TICKS_PER_BEAT
        self._free_since_s = now_s
        ticks = min(math.floor(self._free), MOST_AT_ONCE)
        self._free -= math.floor(self._free)
        return [bytes([TICK])] * ticks
