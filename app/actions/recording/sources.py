"""RecordingSources: the recorders of input and output, with the mixer's clock. Any thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.audio.mixer.clock import Quantum
from engine.clip import Clip


class TakeRecorder(Protocol):
    """The part of a TakeRecorder that Record needs; frames are those of its buffer."""

    @property
    def rate(self) -> int:
        """Sample rate in Hz."""
        ...

    @property
    def position(self) -> int:
        """The number of the next frame."""
        ...

    @property
    def seconds(self) -> float:
        """Length of the take so far."""
        ...

    @property
    def full(self) -> bool:
        """Whether the take has reached its maximum length."""
        ...

    @property
    def cut(self) -> bool:
        """Whether the take was interrupted."""
        ...

    def start(self, at: int | None = None) -> None:
        """Begin a take at a frame; None: 200 ms ago."""
        ...

    def stop(self, end: int | None = None) -> Clip | None:
        """End the take before a frame, or now, and return it; None if it is empty."""
        ...

    def find_loud(self, since: int, threshold: float) -> int | None:
        """Return the first frame from `since` on whose level exceeds `threshold`, linear."""
        ...


class InputRecorder(TakeRecorder, Protocol):
    """The part of app.audio.recording.recorder.InputRecorder that Record needs."""

    def frame_at(self, time_s: float) -> int | None:
        """Return the frame that arrives at `time_s` (time.perf_counter)."""
        ...


class Frames(Protocol):
    """The part of the mixer that Record needs."""

    @property
    def rate(self) -> int:
        """Sample rate in Hz."""
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
        """Return when (time.perf_counter) the callback reaches a frame."""
        ...

    def end_count_in(self) -> None:
        """End the count-in's clicks."""
        ...


class Beats(Protocol):
    """The part of app.actions.beat.BeatControl that Record needs."""

    @property
    def frames_per_beat(self) -> float:
        """Length of a beat in frames of the mixer."""
        ...

    def start_beat(self, quantum: Quantum, *, count_in: bool) -> float | None:
        """Return the beat on which a quantised recording starts; None: at once."""
        ...

    def frame_of(self, beat: float) -> int:
        """Return the mixer's frame of a beat, at the current tempo."""
        ...

    def beats_to(self, beat: float) -> float:
        """Return the number of beats until a beat; negative when it has passed."""
        ...

    def next_frame(self, quantum: Quantum) -> int | None:
        """Return the mixer's frame of the next beat or bar; None for "now"."""
        ...


@dataclass(frozen=True, slots=True)
class RecordingSources:
    """The recorders of input and output, and the clocks that recordings are timed by."""

    input: InputRecorder
    played: TakeRecorder
    mixer: Frames
    beats: Beats
