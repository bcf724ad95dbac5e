"""Clock: tempo, beats and bars in frames of the mixer. Any thread.

The callback reads the same tempo line (frame of beat 0, frames per beat) and rounds each beat on
its own, so that rounding errors do not accumulate.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Literal, Protocol

from app.audio.kernel import layout

SLOWEST_BPM, FASTEST_BPM = 20.0, 999.0
BEATS_PER_BAR = layout.BEATS_PER_BAR
LEAST_SHIFT_S = 0.002
"""An external clock may be off by this before the beats are moved: less is jitter."""
LEAST_CHANGE_BPM = 0.02

Quantum = Literal["now", "beat", "bar", "four_bars"]
QUANTUM_BEATS: dict[Quantum, int] = {
    "now": 0,
    "beat": 1,
    "bar": BEATS_PER_BAR,
    "four_bars": 4 * BEATS_PER_BAR,
}

NOTE_REPEATS = (0.0, 1.0, 1 / 2, 1 / 3, 1 / 4, 1 / 6, 1 / 8)
"""Choices of note repeat: beats between the hits of a held pad; 0 is off."""


class Timeline(Protocol):
    """The part of the mixer that a clock needs."""

    @property
    def rate(self) -> int:
        """Sample rate in Hz."""
        ...

    @property
    def frame(self) -> int:
        """The next block's first frame."""
        ...

    def frame_of_moment(self, time_s: float) -> int | None:
        """Return the frame on which what happens at `time_s` (time.perf_counter) is played."""
        ...


class Clock:
    """Counts quarter notes from the last start, four to a bar. It always runs."""

    def __init__(self, timeline: Timeline, write: Callable[[float, float], None]) -> None:
        """`write` passes the frame of beat 0 and the frames per beat to the callback."""
        self._timeline = timeline
        self._write = write
        self._lock = threading.Lock()
        self._bpm = 120.0
        self._anchor = 0.0
        self._rate = timeline.rate
        self.follow_rate()

    @property
    def bpm(self) -> float:
        """The tempo in beats per minute."""
        return self._bpm

    @property
    def frames_per_beat(self) -> float:
        """Length of a beat in frames."""
        return self._timeline.rate * 60.0 / self._bpm

    def position(self, frame: int) -> float:
        """Return the position in beats at a frame of the mixer's clock; negative before beat 0."""
        return (frame - self._anchor) / self.frames_per_beat

    def beat_at(self, time_s: float) -> float | None:
        """Return the beat on which what happens at `time_s` (time.perf_counter) is played."""
        frame = self._timeline.frame_of_moment(time_s)
        return None if frame is None else self.position(frame)

    def frame_of(self, beat: float) -> int:
        """Return the first frame at or after a beat, as the callback rounds it."""
        return math.ceil(self._anchor + beat * self.frames_per_beat - 1e-6)

    def next_beat(self, quantum: Quantum, after: float = 0.0) -> float | None:
        """Return the next beat, bar or fourth bar that is at least `after` beats away, in beats.

        None for "now".
        """
        beats = QUANTUM_BEATS[quantum]
        if beats == 0:
            return None
        earliest = self.position(self._timeline.frame) + after
        return float(math.ceil(earliest / beats - 1e-9) * beats)

    def next_frame(self, quantum: Quantum) -> int | None:
        """Return the frame of the next beat, bar or fourth bar; None for "now"."""
        with self._lock:
            beat = self.next_beat(quantum)
            return None if beat is None else self.frame_of(beat)

    def set_tempo(self, bpm: float) -> None:
        """Continue from the current beat at 20..999 bpm."""
        if not SLOWEST_BPM <= bpm <= FASTEST_BPM:
            raise ValueError(f"bpm must be {SLOWEST_BPM:g}..{FASTEST_BPM:g}, got {bpm}")
        with self._lock:
            frame = self._timeline.frame
            beat = self.position(frame)
            self._bpm = bpm
            self._move(frame, beat)

    def start(self, at_frame: int | None = None) -> None:
        """Set beat 0 to a frame, or to now."""
        with self._lock:
            self._move(self._timeline.frame if at_frame is None else at_frame, 0.0)

    def follow(self, beat: float, time_s: float, bpm: float) -> None:
        """Follow an external clock that is at `beat` at `time_s` (time.perf_counter), at `bpm`.

        To be called a few times a second with the smoothed position of the external clock;
        `time_s` must lie within some blocks of now. Differences below 2 ms and 0.02 bpm are
        ignored, so that jitter moves no loop.
        """
        frame = self._timeline.frame_of_moment(time_s)
        if frame is None or not SLOWEST_BPM <= bpm <= FASTEST_BPM:
            return
        with self._lock:
            off_s = (self.position(frame) - beat) * 60.0 / self._bpm
            if abs(off_s) > LEAST_SHIFT_S or abs(bpm - self._bpm) > LEAST_CHANGE_BPM:
                self._bpm = bpm
                self._move(frame, beat)

    def follow_rate(self) -> None:
        """Keep tempo and position when the mixer's sample rate has changed."""
        with self._lock:
            frame = self._timeline.frame
            beat = (frame - self._anchor) * self._bpm / (60.0 * self._rate)
            self._rate = self._timeline.rate
            self._move(frame, beat)

    def _move(self, frame: int, beat: float) -> None:
        self._anchor = frame - beat * self.frames_per_beat
        self._write(self._anchor, self.frames_per_beat)
