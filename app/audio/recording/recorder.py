"""Recording of takes from a capture buffer, of the input or the output, and trimming of takes.

The callbacks write the buffers; any thread of the app may start, stop and read.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from app.audio.kernel.layout import CAPTURE
from app.audio.kernel.steady_clock import find_steady_clock
from app.audio.recording.capture_buffer import CaptureBuffer, Segment
from engine.clip import Clip

LONGEST_TAKE_S = 60.0
CAPTURE_S = LONGEST_TAKE_S + 4.0
"""A take that has reached its maximum length must be stopped within the difference."""
PRE_ROLL_S = 0.2
"""A take begins this long before the button was pressed, so that no first consonant is lost."""
MARGIN_BEFORE_S = 0.005
MARGIN_AFTER_S = 0.030
STEP_S = 0.0025
QUIET = 10.0 ** (-40.0 / 20.0)
"""Anything 40 dB below the peak counts as silence..."""
ABOVE_NOISE = 3.0
"""...and so does anything within 10 dB of the room's noise."""
INAUDIBLE = 1e-4


class TakeRecorder:
    """Records one take at a time from a capture buffer; frames are those of the buffer."""

    def __init__(self, buffer: CaptureBuffer, longest_s: float = LONGEST_TAKE_S) -> None:
        self.buffer = buffer
        self._longest_s = longest_s
        self._segment: Segment | None = None
        self._start = 0
        self._searched = 0

    @property
    def rate(self) -> int:
        """Sample rate in Hz."""
        return self.buffer.segment.rate

    @property
    def position(self) -> int:
        """The number of the next frame."""
        return self.buffer.position

    def start(self, at: int | None = None) -> None:
        """Begin a take at a frame in the past or the future; None: 200 ms ago."""
        segment = self.buffer.segment
        start = self.position - round(PRE_ROLL_S * segment.rate) if at is None else at
        self._start = max(start, segment.first)
        self._segment = segment

    def stop(self, end: int | None = None) -> Clip | None:
        """End the take before frame `end`, or now, and return it; None if it is empty.

        It has at most the maximum length, and ends early where its input was interrupted.
        """
        segment, self._segment = self._segment, None
        if segment is None:
            return None
        last = self._start + self._longest_frames(segment)
        if end is not None:
            last = min(last, end)
        samples = self.buffer.read(segment, self._start, last)
        return Clip(samples, segment.rate) if len(samples) else None

    def find_loud(self, since: int, threshold: float) -> int | None:
        """Return the first frame from `since` on whose level exceeds `threshold`, linear.

        Frames that were searched by an earlier call are skipped.
        """
        segment = self.buffer.segment
        start, end = max(since, self._searched, segment.first), self.position
        self._searched = end
        loud = np.flatnonzero(np.abs(self.buffer.read(segment, start, end)).max(axis=1) > threshold)
        return start + int(loud[0]) if len(loud) else None

    @property
    def recording(self) -> bool:
        """Whether a take is in progress: from `start` to `stop`, also when it is full."""
        return self._segment is not None

    @property
    def seconds(self) -> float:
        """Length of the take so far; 0 before it begins."""
        segment = self._segment
        if segment is None:
            return 0.0
        frames = self.buffer.end_of(segment) - self._start
        return min(max(frames, 0), self._longest_frames(segment)) / segment.rate

    @property
    def full(self) -> bool:
        """Whether the take has reached its maximum length; further sound is not recorded."""
        segment = self._segment
        return segment is not None and self.buffer.end_of(
            segment
        ) - self._start >= self._longest_frames(segment)

    @property
    def cut(self) -> bool:
        """Whether the input was interrupted: the take gets no longer."""
        return self._segment is not None and self._segment.end is not None

    def _longest_frames(self, segment: Segment) -> int:
        return int(self._longest_s * segment.rate)


class InputRecorder(TakeRecorder):
    """The input: its capture buffer, its level, and takes from it."""

    def __init__(self, rate: int, seconds: float = LONGEST_TAKE_S) -> None:
        """Allocate memory for one channel; `set_format` sets the input's real format."""
        self._capture = np.zeros(1, CAPTURE)
        self._record: Any = self._capture[0]
        self._clock = find_steady_clock()
        self._record["clock"] = self._clock.address
        capture_s = seconds + CAPTURE_S - LONGEST_TAKE_S
        super().__init__(CaptureBuffer(self._record["ring"], capture_s, rate, 1), seconds)

    def set_format(self, rate: int, channels: int, *, skipped: int = 0) -> None:
        """Set the input's format: rate in Hz, and 1 or 2 channels after the `skipped` ones.

        Only while no input runs. A take in progress ends here, because frames are missing in
        between; `stop` returns what it has.
        """
        self._record["skipped"] = skipped
        self.buffer.set_format(rate, channels)

    def interrupt(self) -> None:
        """End the take in progress because its input is gone. Only while no input runs."""
        self.buffer.set_format(self.rate, self.buffer.channels)

    def frame_at(self, time_s: float) -> int | None:
        """Return the frame that arrives at `time_s` (time.perf_counter); None if not known."""
        record = self._record
        for _ in range(3):
            done = int(record["blocks_done"])
            ticks, position = int(record["block_ticks"]), int(record["block_position"])
            if done == int(record["blocks_begun"]) == int(record["blocks_done"]) and ticks:
                since_s = time_s - ticks / self._clock.ticks_per_s
                return position + round(since_s * self.rate)
        return None

    @property
    def level(self) -> float:
        """Peak of the input since the last read, linear; for a single reader."""
        if int(self._record["meter_resets_done"]) != int(self._record["meter_resets_requested"]):
            return 0.0
        peak = float(self._record["peak"])
        self._record["meter_resets_requested"] += 1
        return peak

    @property
    def callbacks(self) -> int:
        """Blocks received."""
        return int(self._record["callbacks"])

    @property
    def overflows(self) -> int:
        """Blocks before which input was lost."""
        return int(self._record["overflows"])

    @property
    def memory_address(self) -> int:
        """Address of the memory: the input callback's user data."""
        return self._capture.ctypes.data

    @property
    def callback_address(self) -> int:
        """Address of the input callback; the first use loads (or compiles) the kernel."""
        from app.audio.kernel.callbacks import input_callback

        return cast("int", input_callback.address)


def trim(clip: Clip, quiet: float = QUIET) -> Clip:
    """Cut the silence before the first sound (keeping 5 ms) and after the last (keeping 30 ms).

    Silence is anything 40 dB (`quiet` as a factor) below the peak, or not above the room's noise.
    A recording that is silent throughout is returned whole.
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
    first = max(int(loud[0]) - round(MARGIN_BEFORE_S * clip.rate), 0)
    last = min(int(loud[-1]) + 1 + round(MARGIN_AFTER_S * clip.rate), clip.frames)
    return Clip(clip.samples[first:last].copy(), clip.rate)
