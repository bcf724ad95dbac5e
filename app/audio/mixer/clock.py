"""Clock: tempo, beats and bars on the mixer's frames. Any thread.

The callback reads the same line (a frame of beat 0, frames a beat) and rounds each beat by itself,
so that nothing adds up over hours.
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
"""A clock that is followed may be off by this before the beats are moved: less is jitter."""
LEAST_CHANGE_BPM = 0.02

Quantum = Literal["now", "beat", "bar", "four_bars"]
QUANTUM_BEATS: dict[Quantum, int] = {
    "now": 0,
    "beat": 1,
    "bar": BEATS_PER_BAR,
    "four_bars": 4 * BEATS_PER_BAR,
}

NOTE_REPEATS = (0.0, 1.0, 1 / 2, 1 / 3, 1 / 4, 1 / 6, 1 / 8)
"""Beats between the hits of a held pad, to choose from; 0 is one hit only."""


class Timeline(Protocol):
    """What a clock needs of the mixer."""

    @property
    def rate(self) -> int:
        """Frames a second."""
        ...

    @property
    def frame(self) -> int:
        """The next block's first frame."""
        ...

    def frame_of_moment(self, time_s: float) -> int | None:
        """Return the frame on which what happens at `time_s` (time.perf_counter) is played."""
        ...


class Clock:
    """Counts quarter notes from the last start; four make a bar. It always runs."""

    def __init__(self, timeline: Timeline, write: Callable[[float, float], None]) -> None:
        """`write` hands the frame of beat 0 and the frames of a beat to the callback."""
        self._timeline = timeline
        self._write = write
        self._lock = threading.Lock()
        self._bpm = 120.0
        self._anchor = 0.0
        self._rate = timeline.rate
        self.follow_rate()

    @property
    def bpm(self) -> float:
        """The tempo in beats a minute."""
        return self._bpm

    @property
    def frames_per_beat(self) -> float:
        """A beat's length."""
        return self._timeline.rate * 60.0 / self._bpm

    def position(self, frame: int) -> float:
        """Return the beat at a frame of the mixer's clock; negative before the start."""
        return (frame - self._anchor) / self.frames_per_beat

    def beat_at(self, time_s: float) -> float | None:
        """Return the beat on which what happens at `time_s` (time.perf_counter) is played."""
        frame = self._timeline.frame_of_moment(time_s)
        return None if frame is None else self.position(frame)

    def frame_of(self, beat: float) -> int:
        """Return the first frame at or after a beat, as the callback rounds it."""
        return math.ceil(self._anchor + beat * self.frames_per_beat - 1e-6)

    def next_beat(self, quantum: Quantum, after: float = 0.0) -> float | None:
        """Return the next beat, bar or fourth bar, as a beat, that is at least `after` beats away.

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
        """Go on at 20..999 bpm from the beat that is now."""
        if not SLOWEST_BPM <= bpm <= FASTEST_BPM:
            raise ValueError(f"bpm must be {SLOWEST_BPM:g}..{FASTEST_BPM:g}, got {bpm}")
        with self._lock:
            frame = self._timeline.frame
            beat = self.position(frame)
            self._bpm = bpm
            self._move(frame, beat)

    def start(self, at_frame: int | None = None) -> None:
        """Let beat 0 be at a frame, or now."""
        with self._lock:
            self._move(self._timeline.frame if at_frame is None else at_frame, 0.0)

    def follow(self, beat: float, time_s: float, bpm: float) -> None:
        """Follow another clock: it is at `beat` at `time_s` (time.perf_counter), at `bpm`.

        Whoever listens to a MIDI clock calls this a few times a second with the beat that its
        smoothed line gives for the moment of the call; time_s must lie within some blocks of now.
        A difference below 2 ms and 0.02 bpm changes nothing, so that jitter moves no loop.
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
        """Keep tempo and beat when the mixer works at another rate."""
        with self._lock:
            frame = self._timeline.frame
            beat = (frame - self._anchor) * self._bpm / (60.0 * self._rate)
            self._rate = self._timeline.rate
            self._move(frame, beat)

    def _move(self, frame: int, beat: float) -> None:
        self._anchor = frame - beat * self.frames_per_beat
        self._write(self._anchor, self.frames_per_beat)
