"""PadTrigger: the one door for mouse and keys to the mixer, and the notes for the lights."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from app.midi.pad_player import PadPlayer


@dataclass(frozen=True, slots=True)
class HitNote:
    """A pad was hit: for its light."""

    pad: int
    velocity: float
    """0..1."""


class PadTrigger:
    """Hits from the window. MIDI plays the same mixer by app.midi.router and leaves notes here."""

    def __init__(self, mixer: PadPlayer, now: Callable[[], float] = time.perf_counter) -> None:
        self._mixer = mixer
        self._now = now
        # A deque's append and popleft need no lock; a full one drops the oldest light, no sound.
        self._notes: deque[HitNote] = deque(maxlen=256)

    def hit(self, pad: int, velocity: float = 1.0) -> None:
        """Play a pad now, velocity 0..1."""
        self._mixer.hit(pad, velocity, self._now())
        self.note(pad, velocity)

    def release(self, pad: int) -> None:
        """Let go of a pad: ends it in gate mode."""
        self._mixer.release(pad, self._now())

    def stop_all(self) -> None:
        """Silence at once."""
        self._mixer.stop_all()

    def note(self, pad: int, velocity: float) -> None:
        """Remember a hit for the lights; any thread, never waits."""
        self._notes.append(HitNote(pad, velocity))

    def recent(self) -> tuple[HitNote, ...]:
        """Return the hits since the last call, oldest first: the window asks at every frame."""
        notes: list[HitNote] = []
        while self._notes:
            notes.append(self._notes.popleft())
        return tuple(notes)
