"""Monitors: the measurements of mixer and recorder that the window polls. Main thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.audio.mixer.meter import Counts, Meter


class OutputMonitor(Protocol):
    """The part of app.audio.mixer.mixer.Mixer that the window polls."""

    def meter(self) -> Meter:
        """Return the output levels since the last call."""
        ...

    def playing(self, pad: int) -> float | None:
        """Return the position of the pad's newest voice in seconds; None when it is silent."""
        ...

    def counts(self) -> Counts:
        """Return the callback's statistics."""
        ...


class InputMonitor(Protocol):
    """The part of app.audio.recording.recorder.InputRecorder that the window polls."""

    @property
    def level(self) -> float:
        """Linear input peak since the last call."""
        ...


@dataclass(frozen=True, slots=True)
class Monitors:
    """The monitors of output and input."""

    output: OutputMonitor
    input: InputMonitor
