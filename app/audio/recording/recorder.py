"""Takes from a tape, of the input or of what is played, and the cut to their sound.

The callbacks write the tapes; any thread of the app may start, stop and read.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from app.audio.kernel.memory import CAPTURE
from app.audio.kernel.steady_clock import find_steady_clock
from app.audio.recording.tape import Reel, Tape
from engine.clip import Clip

LONGEST_TAKE_S = 60.0
TAPE_S = LONGEST_TAKE_S + 4.0
"""A take that has reached its longest must be ended within the rest."""
PRE_ROLL_S = 0.2
"""A take begins this long before it was asked for: the first consonant is not lost."""
KEPT_BEFORE_S = 0.005
KEPT_AFTER_S = 0.030
STEP_S = 0.0025
QUIET = 10.0 ** (-40.0 / 20.0)
"""40 dB below the loudest moment is taken for silence..."""
ABOVE_NOISE = 3.0
"""...and so is what stays within 10 dB of the room's noise."""
INAUDIBLE = 1e-4


class TapeRecorder:
    """Cuts one take at a time out of a tape. Frames are numbers on that tape."""

    def __init__(self, tape: Tape, longest_s: float = LONGEST_TAKE_S) -> None:
        self.tape = tape
        self._longest_s = longest_s
        self._reel: Reel | None = None
        self._start = 0
        self._searched = 0

    @property
    def rate(self) -> int:
        """Frames a second."""
        return self.tape.reel.rate

    @property
    def position(self) -> int:
        """The number of the next frame."""
        return self.tape.position

    def start(self, at: int | None = None) -> None:
        """Begin a take at a frame that may be past or yet to come; None: 200 ms ago."""
        reel = self.tape.reel
        start = self.position - round(PRE_ROLL_S * reel.rate) if at is None else at
        self._start = max(start, reel.first)
        self._reel = reel

    def stop(self, end: int | None = None) -> Clip | None:
        """End the take, before frame `end` or now, and return it; None when there is nothing.

        It has at most the longest length, and ends where its input was interrupted.
        """
        reel, self._reel = self._reel, None
        if reel is None:
            return None
        last = self._start + self._longest_frames(reel)
        if end is not None:
            last = min(last, end)
        samples = self.tape.read(reel, self._start, last)
        return Clip(samples, reel.rate) if len(samples) else None

    def find_loud(self, since: int, threshold: float) -> int | None:
        """Return the first frame from `since` on that is louder than `threshold`, linear.

        Frames it has looked at already are not looked at again.
        """
        reel = self.tape.reel
        start, end = max(since, self._searched, reel.first), self.position
        self._searched = end
        loud = np.flatnonzero(np.abs(self.tape.read(reel, start, end)).max(axis=1) > threshold)
        return start + int(loud[0]) if len(loud) else None

    @property
    def recording(self) -> bool:
        """True from `start` to `stop`, also when the take is full."""
        return self._reel is not None

    @property
    def seconds(self) -> float:
        """Length of the take so far; 0 before it begins."""
        reel = self._reel
        if reel is None:
            return 0.0
        frames = self.tape.end_of(reel) - self._start
        return min(max(frames, 0), self._longest_frames(reel)) / reel.rate

    @property
    def full(self) -> bool:
        """True when the take has reached its longest: what comes now is not kept."""
        reel = self._reel
        return reel is not None and self.tape.end_of(reel) - self._start >= self._longest_frames(
            reel
        )

    @property
    def cut(self) -> bool:
        """True when its input was interrupted: the take goes no further."""
        return self._reel is not None and self._reel.end is not None

    def _longest_frames(self, reel: Reel) -> int:
        return int(self._longest_s * reel.rate)


class Recorder(TapeRecorder):
    """The input: its tape, what came in, and takes from it."""

    def __init__(self, rate: int, seconds: float = LONGEST_TAKE_S) -> None:
        """Set the memory aside for one channel; `set_format` says what the input really gives."""
        self._capture = np.zeros(1, CAPTURE)
        self._words: Any = self._capture[0]
        self._clock = find_steady_clock()
        self._words["clock"] = self._clock.address
        seconds_kept = seconds + TAPE_S - LONGEST_TAKE_S
        super().__init__(Tape(self._words["tape"], seconds_kept, rate, 1), seconds)

    def set_format(self, rate: int, channels: int, *, skipped: int = 0) -> None:
        """Take what an input gives: rate in Hz, 1 or 2 channels behind those that are skipped.

        Only while no input runs. A take ends here, whatever comes then: frames are missing between;
        `stop` returns what it has.
        """
        self._words["skipped"] = skipped
        self.tape.set_format(rate, channels)

    def interrupt(self) -> None:
        """End a take where it is: its input is gone. Only while no input runs."""
        self.tape.set_format(self.rate, self.tape.channels)

    def frame_at(self, time_s: float) -> int | None:
        """Return the frame that comes in at `time_s` (time.perf_counter); None: not known."""
        words = self._words
        for _ in range(3):
            done = int(words["blocks_done"])
            ticks, position = int(words["block_ticks"]), int(words["block_position"])
            if done == int(words["blocks_begun"]) == int(words["blocks_done"]) and ticks:
                since_s = time_s - ticks / self._clock.ticks_per_s
                return position + round(since_s * self.rate)
        return None

    @property
    def level(self) -> float:
        """Highest input since it was last read, linear; for one reader."""
        if int(self._words["meter_seen"]) != int(self._words["meter_asked"]):
            return 0.0
        peak = float(self._words["peak"])
        self._words["meter_asked"] += 1
        return peak

    @property
    def callbacks(self) -> int:
        """Blocks that came in."""
        return int(self._words["callbacks"])

    @property
    def overflows(self) -> int:
        """Blocks before which the input lost sound."""
        return int(self._words["overflows"])

    @property
    def memory_address(self) -> int:
        """What the input callback gets as its user data."""
        return self._capture.ctypes.data

    @property
    def callback_address(self) -> int:
        """The input callback as a C function; the first use loads (or compiles) the kernel."""
        from app.audio.kernel.callbacks import input_callback

        return cast("int", input_callback.address)


def trim(clip: Clip, quiet: float = QUIET) -> Clip:
    """Cut the silence before the first sound (keeping 5 ms) and after the last (keeping 30 ms).

    Silence is what is 40 dB (`quiet` as a factor) below the loudest moment or no more than the
    room's noise. A recording with nothing in it comes back whole.
    """
    step = max(round(STEP_S * clip.rate), 1)
    loudness = np.abs(clip.samples).max(axis=1)
    starts = np.arange(0, clip.frames, step)
    peaks = np.maximum.reduceat(loudness, starts)
    peak = float(peaks.max())
    if peak < INAUDIBLE:
        return clip
    noise = float(np.percentile(peaks, 10.0))
    # A sound that never pauses has no noise to measure: a quarter of the peak is always sound.
    threshold = max(peak * quiet, min(noise * ABOVE_NOISE, peak / 4.0))
    loud = np.flatnonzero(loudness >= threshold)
    first = max(int(loud[0]) - round(KEPT_BEFORE_S * clip.rate), 0)
    last = min(int(loud[-1]) + 1 + round(KEPT_AFTER_S * clip.rate), clip.frames)
    return Clip(clip.samples[first:last].copy(), clip.rate)
