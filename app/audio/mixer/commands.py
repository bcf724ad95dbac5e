"""Commands to the audio callback: small frozen values that the mixer writes into its ring."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hit:
    """Start a pad's sound. `velocity` 0..1; `frame` on the mixer's clock, None for now.

    `note` -48..24 transposes it by so many semitones; notes of one pad sound together.
    """

    pad: int
    velocity: float = 1.0
    frame: int | None = None
    note: int = 0


@dataclass(frozen=True, slots=True)
class Release:
    """Release a pad's note: ends its gate voices."""

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
    """Fade out everything and discard pending commands."""


Command = Hit | Release | Stop | StopAll
