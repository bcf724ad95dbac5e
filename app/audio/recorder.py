"""A take from the input into memory set aside beforehand, and the cut to its sound.

The input callback writes; any thread of the app may start, stop and read.
"""

from __future__ import annotations

import threading
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from app.audio.memory import CAPTURE
from engine.clip import Clip

KEPT_BEFORE_S = 0.005
KEPT_AFTER_S = 0.030
STEP_S = 0.0025
QUIET = 10.0 ** (-40.0 / 20.0)
"""40 dB below the loudest moment is taken for silence..."""
ABOVE_NOISE = 3.0
"""...and so is what stays within 10 dB of the room's noise."""
INAUDIBLE = 1e-4


class Recorder:
    """Keeps one take at a time, at most `seconds` long."""

    def __init__(self, rate: int, seconds: float = 60.0) -> None:
        """Set the memory aside for one channel; `set_format` says what the input really gives."""
        self._lock = threading.Lock()
        self._longest_s = seconds
        self._rate = rate
        self._capture = np.zeros(1, CAPTURE)
        self._words: Any = self._capture[0]
        self._takes = 0
        self._recording = False
        self._part: Clip | None = None
        self._samples = self._set_aside(rate, 1)

    def _set_aside(self, rate: int, channels: int) -> NDArray[np.float32]:
        samples = np.empty((max(int(self._longest_s * rate), 1), channels), np.float32)
        samples.fill(0.0)  # touched now: no page fault in the callback
        self._words["samples"] = samples.ctypes.data
        self._words["capacity"] = len(samples)
        self._words["channels"] = channels
        return samples

    def set_format(self, rate: int, channels: int, *, skipped: int = 0) -> None:
        """Take what an input gives: rate in Hz, 1 or 2 channels behind those that are skipped.

        Only while no input runs.
        A take that another format interrupts ends there; `stop` returns what it has.
        """
        with self._lock:
            self._words["skipped"] = skipped
            if (rate, channels) == (self._rate, int(self._words["channels"])):
                return
            if self._recording:
                self._part = self._part or self._taken()
                self._words["wanted"] = 0
            self._rate = rate
            self._samples = self._set_aside(rate, channels)

    def start(self) -> None:
        """Begin a new take with the next block; what an unfinished take holds is dropped."""
        with self._lock:
            self._part = None
            self._recording = True
            self._takes += 1
            self._words["wanted"] = self._takes

    def stop(self) -> Clip | None:
        """End the take and return it; None when nothing came in or nothing was started."""
        with self._lock:
            if not self._recording:
                return None
            self._recording = False
            self._words["wanted"] = 0
            return self._part or self._taken()

    def _taken(self) -> Clip | None:
        if int(self._words["take"]) != self._takes:
            return None
        frames = int(self._words["position"])
        return Clip(self._sound(frames), self._rate) if frames else None

    def _sound(self, frames: int) -> NDArray[np.float32]:
        """Return a copy; a broken driver's NaN and infinity become silence."""
        return np.nan_to_num(self._samples[:frames].copy(), nan=0.0, posinf=0.0, neginf=0.0)

    @property
    def recording(self) -> bool:
        """True from `start` to `stop`, also when the memory is full."""
        return self._recording

    @property
    def full(self) -> bool:
        """True when the take has reached its longest: what comes now is not kept."""
        return self._recording and self.seconds >= len(self._samples) / self._rate

    @property
    def level(self) -> float:
        """Highest input since it was last read, linear; for one reader."""
        if int(self._words["meter_seen"]) != int(self._words["meter_asked"]):
            return 0.0
        peak = float(self._words["peak"])
        self._words["meter_asked"] += 1
        return peak

    @property
    def seconds(self) -> float:
        """Length of the take so far."""
        if self._part is not None:
            return self._part.seconds
        if not self._recording or int(self._words["take"]) != self._takes:
            return 0.0
        return int(self._words["position"]) / self._rate

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


def trim(clip: Clip) -> Clip:
    """Cut the silence before the first sound (keeping 5 ms) and after the last (keeping 30 ms).

    Silence is what is 40 dB below the loudest moment or no more than the room's noise. A
    recording with nothing in it comes back whole.
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
    threshold = max(peak * QUIET, min(noise * ABOVE_NOISE, peak / 4.0))
    loud = np.flatnonzero(loudness >= threshold)
    first = max(int(loud[0]) - round(KEPT_BEFORE_S * clip.rate), 0)
    last = min(int(loud[-1]) + 1 + round(KEPT_AFTER_S * clip.rate), clip.frames)
    return Clip(clip.samples[first:last].copy(), clip.rate)
