"""Ongoing: a recording from the press to its end, as values. Main thread only."""

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

    What waits for a beat waits for the beat itself, whatever the tempo does meanwhile; bars last
    as long as they did when it began.
    """

    pad: Pad
    recorder: TakeRecorder
    state: State
    of_input: bool
    quantum: Quantum
    start_beat: float | None = None
    """The beat on which it begins; None: at once, or at a sound."""
    wait_beats: float = 0.0
    """Beats to the start when it was scheduled: no later moment has more of them."""
    length_beats: float | None = None
    """How many it lasts; None: until it is ended by hand."""
    start_frame: int = 0
    """The mixer's frame on which it began."""
    length_frames: int | None = None
    """Frames of the mixer that it lasts; None: not known yet."""
    in_bars: bool = False
    """Its length was chosen beforehand."""
    armed_frame: int = 0
    """Frame of the buffer from which a sound is awaited."""
    first_frame: int = 0
    """Frame of the buffer with which the take begins."""


def quantum_of(start: RecordStart) -> Quantum:
    """Return on which beats a recording begins; "now" for one that waits for none."""
    return next((quantum for quantum in get_args(Quantum) if quantum == start), "now")
