"""What crosses into the audio callback: small frozen values, written into its ring by the mixer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hit:
    """Start a pad's sound. `velocity` 0..1; `frame` on the mixer's clock, None for now.

    `note` -48..24 plays it that many semitones higher; notes of one pad sound beside each other.
    """

    pad: int
    velocity: float = 1.0
    frame: int | None = None
    note: int = 0


@dataclass(frozen=True, slots=True)
class Release:
    """Let go of a pad's note: ends its gate voices."""

    pad: int
    frame: int | None = None
    note: int = 0


@dataclass(frozen=True, slots=True)
class Stop:
    """Fade out a pad, whatever its mode."""

    pad: int
    frame: int | None = None


@dataclass(frozen=True, slots=True)
class StopAll:
    """Fade out everything and forget what was to come."""


Command = Hit | Release | Stop | StopAll
