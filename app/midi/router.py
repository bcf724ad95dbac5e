"""PadRouter: from MIDI bytes to the mixer. Runs on the MIDI thread: no Qt, no log, no raise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from app.midi.messages import NoteOff, NoteOn, Silence, parse
from app.midi.pad_map import PadMap


class PadPlayer(Protocol):
    """What MIDI needs of the mixer; every call returns at once."""

    def frame_at(self, time_s: float) -> int | None:
        """Return the frame on which to play what happened at `time_s` (time.perf_counter)."""
        ...

    def hit(self, pad: int, velocity: float = 1.0, at_frame: int | None = None) -> None:
        """Play a pad now, velocity 0..1."""
        ...

    def release(self, pad: int, at_frame: int | None = None) -> None:
        """Let go of a pad."""
        ...

    def stop_all(self) -> None:
        """Silence."""
        ...


@dataclass(frozen=True, slots=True)
class MidiCounts:
    """What came in so far."""

    hits: int
    other: int
    """Whole messages that play no pad."""
    ignored: int
    """Running status, system exclusive, cut off, garbage."""


class PadRouter:
    """Looks a note up and plays its pad; leaves a note for the lights."""

    def __init__(
        self, mixer: PadPlayer, pad_map: PadMap, on_hit: Callable[[int, float], None]
    ) -> None:
        self._mixer = mixer
        self._pad_map = pad_map
        self._on_hit = on_hit
        self._hits = self._other = self._ignored = 0

    def counts(self) -> MidiCounts:
        """Return the counts; any thread."""
        return MidiCounts(self._hits, self._other, self._ignored)

    def receive(self, data: bytes, time_s: float, port: str) -> None:
        """Take in one message; `time_s` is when it was polled (time.perf_counter)."""
        message = parse(data)
        match message:
            case None:
                self._ignored += 1
            case NoteOn():
                pad = self._pad_map.pad(message.note)
                if pad is None:
                    self._other += 1
                    return
                velocity = message.velocity / 127
                self._mixer.hit(pad, velocity, self._mixer.frame_at(time_s))
                self._hits += 1
                self._on_hit(pad, velocity)
            case NoteOff():
                pad = self._pad_map.pad(message.note)
                if pad is not None:
                    self._mixer.release(pad, self._mixer.frame_at(time_s))
            case Silence():
                self._mixer.stop_all()
            case _:
                self._other += 1
