"""DiskRecorder: what a capture buffer gets, to a file, for hours. A thread of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from app.audio.recording.capture_buffer import CaptureBuffer, Segment
from app.audio.recording.growing_wav import GrowingWav
from app.errors import reason

WRITE_EVERY_S = 0.25
SETTLE_EVERY_S = 5.0
"""What a power cut may cost; what a crash of Pingpad may cost is one write."""
MOST_FRAMES = 1 << 18
"""Frames of one write: after a stall of the disk it catches up in pieces."""
CLOSE_WITHIN_S = 20.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DiskTake:
    """What is on disk: its files (another rate begins another one), its length, and what the disk
    was too slow for. `failure` says why it ended by itself, "" when it was ended.
    """

    files: tuple[Path, ...]
    seconds: float
    lost_s: float
    failure: str


@dataclass(slots=True, eq=False)
class _Work:
    """One recording, from its start to its end; the thread owns all but `stopping`."""

    path: Path
    segment: Segment
    position: int
    stopping: threading.Event = field(default_factory=threading.Event)
    end: int | None = None
    files: list[Path] = field(default_factory=list)
    wav: GrowingWav | None = None
    before_s: float = 0.0
    seconds: float = 0.0
    lost_s: float = 0.0
    settled_s: float = 0.0


class DiskRecorder:
    """Writes one recording at a time. `start` and `stop` return at once."""

    def __init__(self, buffer: CaptureBuffer, ended: Callable[[DiskTake], object]) -> None:
        """`ended` is called on the thread, once for each recording, when its file is whole."""
        self._buffer = buffer
        self._ended = ended
        self._work: _Work | None = None
        self._thread: threading.Thread | None = None

    @property
    def seconds(self) -> float:
        """Length of the recording so far, as far as it is on disk."""
        work = self._work
        return work.seconds if work is not None else 0.0

    def start(self, path: Path) -> None:
        """Write what is played from now on to a new file."""
        self.close()
        work = self._work = _Work(path, self._buffer.segment, self._buffer.position)
        self._thread = threading.Thread(
            target=self._follow, args=(work,), name="disk recorder", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End the recording with what has been played by now."""
        work = self._work
        if work is not None and not work.stopping.is_set():
            work.end = self._buffer.position
            work.stopping.set()

    def close(self) -> None:
        """End the recording and wait until its file is whole."""
        self.stop()
        if self._thread is not None:
            self._thread.join(CLOSE_WITHIN_S)

    # --- the thread ---

    def _follow(self, work: _Work) -> None:
        failure = ""
        try:
            self._open(work)
            while not work.stopping.wait(WRITE_EVERY_S):
                self._write(work)
            self._write(work)
        except OSError as error:
            failure = reason(error)
        except Exception:
            log.exception("Recording to disk failed")
            failure = "see the log file"
        failure = self._close_file(work) or failure
        self._ended(DiskTake(tuple(work.files), work.seconds, work.lost_s, failure))

    def _open(self, work: _Work) -> None:
        number = len(work.files) + 1
        path = work.path if number == 1 else work.path.with_stem(f"{work.path.stem} ({number})")
        path.parent.mkdir(parents=True, exist_ok=True)
        work.wav = GrowingWav(path, work.segment.rate, work.segment.samples.shape[1])
        work.files.append(path)

    def _write(self, work: _Work) -> None:
        """Bring the file up to where the buffer is."""
        while True:
            wanted = self._buffer.end_of(work.segment)
            if work.end is not None:
                wanted = min(wanted, work.end)
            if work.position < wanted:
                self._append(work, min(wanted, work.position + MOST_FRAMES))
            elif work.segment.end is not None and work.segment is not self._buffer.segment:
                self._start_next_segment(work)
            else:
                return

    def _append(self, work: _Work, end: int) -> None:
        assert work.wav is not None
        samples = self._buffer.read(work.segment, work.position, end)
        work.lost_s += (end - work.position - len(samples)) / work.segment.rate
        work.position = end
        try:
            work.wav.append(samples)
        finally:
            work.seconds = work.before_s + work.wav.frames / work.segment.rate
        if time.monotonic() - work.settled_s > SETTLE_EVERY_S:
            work.wav.settle()
            work.settled_s = time.monotonic()

    def _start_next_segment(self, work: _Work) -> None:
        """Another rate: this file ends, the next one begins."""
        assert work.wav is not None
        work.wav.close()
        work.wav, work.before_s = None, work.seconds
        work.segment = self._buffer.segment
        work.position = work.segment.first
        self._open(work)

    def _close_file(self, work: _Work) -> str:
        """Leave a whole file; return why that failed, "" when it did not."""
        if work.wav is None:
            return ""
        try:
            work.wav.close()
        except OSError as error:
            return reason(error)
        return ""
