"""ClockSender: sends MIDI clock, 24 ticks per beat, with start, stop and song position.

Runs on the outputs' thread.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from app.midi.clock.timeline import Timeline
from app.midi.messages.controller_map import strip_alsa_number
from app.midi.messages.message import (
    CONTINUE,
    SONG_POSITION,
    START,
    STOP,
    TICK,
    TICKS_PER_BEAT,
    TICKS_PER_SIXTEENTH,
)

MAX_CATCH_UP = TICKS_PER_BEAT
"""Ticks made up for after a stall; a longer one is skipped and the song position sent again."""
MAX_POSITION = 16_383
"""MIDI 1.0: fourteen bits."""


class ClockSender:
    """Turns a Timeline into clock messages; a `Sender` of app.midi.ports.outputs."""

    low_latency = True

    def __init__(self, read_timeline: Callable[[], Timeline | None]) -> None:
        """`read_timeline` returns None for no clock at all; any thread."""
        self._read_timeline = read_timeline
        self.port = ""
        """The port to send clock to, without ALSA's number; "" for none. Main thread."""
        self._sent: int | None = None
        """Song position of the last tick sent, in ticks; None while stopped."""
        self._running = False
        self._idle_ticks = 0.0
        self._idle_since_s: float | None = None

    def select_outputs(self, names: Sequence[str]) -> frozenset[str]:
        """Return the port, if it is present."""
        return frozenset(
            name for name in names if self.port and strip_alsa_number(name) == self.port
        )

    def start(self, name: str) -> Iterable[bytes]:
        """Forget what was sent before; send nothing yet."""
        self._sent, self._running, self._idle_since_s = None, False, None
        return []

    def stop(self, name: str) -> Iterable[bytes]:
        """Return a stop, if the song is running."""
        return [bytes([STOP])] if self._running else []

    def poll(self, name: str, now_s: float) -> Iterable[bytes]:
        """Return the ticks since the last call, preceded by start, stop or song position."""
        timeline = self._read_timeline()
        if timeline is None:
            return self._halt()
        # The last tick that has passed; 1e-9 for a beat that rounding made slightly too early.
        position = math.floor(timeline.beat_at(now_s) * TICKS_PER_BEAT + 1e-9)
        # MIDI has no negative song position: during a count-in only the tempo is sent.
        if not timeline.running or position < 0:
            return [*self._halt(), *self._tick_idle(timeline, now_s)]
        self._idle_since_s = None
        messages: list[bytes] = []
        if not self._running or self._has_jumped(position):
            # Positions are sent in sixteenths: the next one to begin, or one that begins now.
            first = -(-position // TICKS_PER_SIXTEENTH) * TICKS_PER_SIXTEENTH
            messages += self._start_at(first)
        assert self._sent is not None
        ticks = max(position - self._sent, 0)
        self._sent += ticks
        return messages + [bytes([TICK])] * ticks

    def _has_jumped(self, position: int) -> bool:
        assert self._sent is not None
        ahead = position - self._sent
        return ahead > MAX_CATCH_UP or ahead < -TICKS_PER_SIXTEENTH

    def _start_at(self, first: int) -> list[bytes]:
        messages = [bytes([STOP])] if self._running else []
        self._running, self._sent = True, first - 1
        if first == 0:
            return [*messages, bytes([START])]
        position = min(first // TICKS_PER_SIXTEENTH, MAX_POSITION)
        data = bytes([SONG_POSITION, position % 128, position // 128])
        return [*messages, data, bytes([CONTINUE])]

    def _halt(self) -> list[bytes]:
        if not self._running:
            return []
        self._running, self._sent = False, None
        return [bytes([STOP])]

    def _tick_idle(self, timeline: Timeline, now_s: float) -> list[bytes]:
        """Tick while stopped, so that followers know the tempo before the song starts."""
        if self._idle_since_s is None:
            self._idle_since_s, self._idle_ticks = now_s, 0.0
        self._idle_ticks += (now_s - self._idle_since_s) * timeline.bpm / 60 * TICKS_PER_BEAT
        self._idle_since_s = now_s
        ticks = min(math.floor(self._idle_ticks), MAX_CATCH_UP)
        self._idle_ticks -= math.floor(self._idle_ticks)
        return [bytes([TICK])] * ticks
