"""What crosses into the audio callback: small frozen values, written into its ring by the mixer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PadMode = Literal["one_shot", "gate", "loop"]
"""How a pad answers a hit.

one_shot: plays to the end of the sound; letting go means nothing.
gate:     plays to the end of the sound or until let go, whichever comes first.
loop:     goes round without a gap until it is stopped (`stop`, `stop_all`, its choke group) or
          hit again, which starts it anew on that hit's frame; letting go means nothing.

In every mode a new hit of a pad fades out what that pad still plays.
"""

PAD_MODES: tuple[PadMode, ...] = ("one_shot", "gate", "loop")


@dataclass(frozen=True, slots=True)
class Hit:
    """Start a pad's sound. `velocity` 0..1; `frame` on the mixer's clock, None for now."""

    pad: int
    velocity: float = 1.0
    frame: int | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """Let go of a pad: ends its gate voices."""

    pad: int
    frame: int | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """Fade out a pad, whatever its mode."""

    pad: int
    frame: int | None = None


@dataclass(frozen=True, slots=True)
class StopAll:
    """Fade out everything and forget what was to come."""


Command = Hit | Release | Stop | StopAll
