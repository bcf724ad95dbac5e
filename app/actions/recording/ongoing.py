"""Ongoing: the state of a recording from the press to its end. Main thread only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from app.actions.recording.sources import TakeRecorder
from app.audio.mixer.clock import Quantum
from app.model.kit import Pad
from app.model.parameters import RecordStart

State = Literal["resting", "sound", "beat", "recording"]
"""Nothing; waiting for a sound; waiting for a beat; recording."""


@dataclass(slots=True, eq=False)
class Ongoing:
    """A recording from the press to its end.

    The start is a beat, which follows changes of tempo; a length in bars is fixed in frames at the
    start.
    """

    pad: Pad
    recorder: TakeRecorder
    state: State
    of_input: bool
    quantum: Quantum
    start_beat: float | None = None
    """The beat on which it starts; None: at once, or at a sound."""
    wait_beats: float = 0.0
    """Beats to the start when it was scheduled; if more are left later, the clock has jumped."""
    length_beats: float | None = None
    """Length in beats; None: until the player ends it."""
    start_frame: int = 0
    """The mixer's frame on which it started."""
    length_frames: int | None = None
    """Length in frames of the mixer; None: not known yet."""
    in_bars: bool = False
    """Whether its length was chosen beforehand."""
    armed_frame: int = 0
    """Frame of the capture buffer from which to look for a sound."""
    first_frame: int = 0
    """Frame of the capture buffer with which the take begins."""


def quantum_of(start: RecordStart) -> Quantum:
    """Return the quantum to which a recording's start is quantised; "now" for none."""
    return next((quantum for quantum in get_args(Quantum) if quantum == start), "now")
