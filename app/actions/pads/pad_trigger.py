"""PadTrigger: plays pads from the window, and reports hits for the pads' lights. Main thread."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from app.midi.pad_player import PadPlayer


@dataclass(frozen=True, slots=True)
class HitNote:
    """A hit, reported for the pad's light."""

    pad: int
    velocity: float
    """0..1."""


class PadTrigger:
    """Plays the hits of mouse and keys; the MIDI router reports its own hits here by `note`."""

    def __init__(self, mixer: PadPlayer, now: Callable[[], float] = time.perf_counter) -> None:
        self._mixer = mixer
        self._now = now
        # A deque's append and popleft need no lock; when full it drops the oldest report, no sound.
        self._notes: deque[HitNote] = deque(maxlen=256)

    def hit(self, pad: int, velocity: float = 1.0) -> None:
        """Play a pad now, velocity 0..1."""
        self._mixer.hit(pad, velocity, self._now())
        self.note(pad, velocity)

    def release(self, pad: int) -> None:
        """Release a pad: ends its sound in gate mode."""
        self._mixer.release(pad, self._now())

    def stop_all(self) -> None:
        """Fade everything out at once."""
        self._mixer.stop_all()

    def note(self, pad: int, velocity: float) -> None:
        """Report a hit for the lights; any thread, never blocks."""
        self._notes.append(HitNote(pad, velocity))

    def recent(self) -> tuple[HitNote, ...]:
        """Return the hits since the last call, oldest first; the window polls it every frame."""
        notes: list[HitNote] = []
        while self._notes:
            notes.append(self._notes.popleft())
        return tuple(notes)
