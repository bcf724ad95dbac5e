"""Sources: where recordings come from, and the time they keep. Any thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.audio.mixer.clock import Quantum
from engine.clip import Clip


class TakeRecorder(Protocol):
    """What recording needs of a TakeRecorder; frames are those of its buffer."""

    @property
    def rate(self) -> int:
        """Frames a second."""
        ...

    @property
    def position(self) -> int:
        """The next frame."""
        ...

    @property
    def seconds(self) -> float:
        """Length of the take so far."""
        ...

    @property
    def full(self) -> bool:
        """The take has reached its longest."""
        ...

    @property
    def cut(self) -> bool:
        """The take was interrupted."""
        ...

    def start(self, at: int | None = None) -> None:
        """Begin a take at a frame; None: 200 ms ago."""
        ...

    def stop(self, end: int | None = None) -> Clip | None:
        """End it before a frame, or now, and return it; None when nothing came."""
        ...

    def find_loud(self, since: int, threshold: float) -> int | None:
        """Return the first frame from `since` on above a linear threshold."""
        ...


class InputRecorder(TakeRecorder, Protocol):
    """What recording needs of app.audio.recording.recorder.InputRecorder besides."""

    def frame_at(self, time_s: float) -> int | None:
        """Return the frame that comes in at a moment (time.perf_counter)."""
        ...


class Frames(Protocol):
    """What recording needs of the mixer."""

    @property
    def rate(self) -> int:
        """Frames a second."""
        ...

    @property
    def frame(self) -> int:
        """The next block's first frame."""
        ...

    @property
    def latency_frames(self) -> int:
        """Frames from a frame of the mixer's clock to its sound in the capture buffer."""
        ...

    def moment_of_frame(self, frame: int) -> float | None:
        """Return when (time.perf_counter) the callback comes to a frame."""
        ...

    def end_count_in(self) -> None:
        """Click no longer."""
        ...


class Beats(Protocol):
    """What recording needs of app.actions.beat.BeatControl."""

    @property
    def frames_per_beat(self) -> float:
        """A beat's length in the mixer's frames."""
        ...

    def start_beat(self, quantum: Quantum, *, count_in: bool) -> float | None:
        """Return the beat on which what waits for one begins; None: at once."""
        ...

    def frame_of(self, beat: float) -> int:
        """Return the mixer's frame of a beat, at the tempo as it is now."""
        ...

    def beats_to(self, beat: float) -> float:
        """Return how many beats it is to a beat; negative when it has passed."""
        ...

    def next_frame(self, quantum: Quantum) -> int | None:
        """Return the mixer's frame of the next beat or bar; None for "now"."""
        ...


@dataclass(frozen=True, slots=True)
class RecordingSources:
    """Where recordings come from, and the time they keep."""

    input: InputRecorder
    played: TakeRecorder
    mixer: Frames
    beats: Beats
