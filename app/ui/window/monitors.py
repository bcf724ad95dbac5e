"""Monitors: what the window reads from mixer and recorder at every frame. Main thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.audio.mixer.meter import Counts, Meter


class OutputMonitor(Protocol):
    """app.audio.mixer.mixer.Mixer, or a fake."""

    def meter(self) -> Meter:
        """Return the output levels since the last call."""
        ...

    def playing(self, pad: int) -> float | None:
        """Return where the pad's newest voice is, in seconds; None when it is silent."""
        ...

    def counts(self) -> Counts:
        """Return what the callback has counted."""
        ...


class InputMonitor(Protocol):
    """app.audio.recording.recorder.Recorder, or a fake."""

    @property
    def level(self) -> float:
        """Linear input peak since the last call."""
        ...


@dataclass(frozen=True, slots=True)
class Monitors:
    """The two of them."""

    output: OutputMonitor
    input: InputMonitor
