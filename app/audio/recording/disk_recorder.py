"""DiskRecorder: streams a capture buffer to a WAV file, for hours. A thread of its own."""

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
SYNC_EVERY_S = 5.0
"""At most this much is lost in a power cut; in a crash of Pingpad, one write."""
MOST_FRAMES = 1 << 18
"""Frames per write: after a stall of the disk the recorder catches up in pieces."""
CLOSE_WITHIN_S = 20.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DiskTake:
    """A finished take: its files (a change of rate starts another one), its length, and how much
    was lost because the disk was too slow. `failure` is why the recording broke off, or "".
    """

    files: tuple[Path, ...]
    seconds: float
    lost_s: float
    failure: str


@dataclass(slots=True, eq=False)
class _OpenTake:
    """A take in progress; the thread owns everything except `stopping` and `end`."""

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
    synced_s: float = 0.0


class DiskRecorder:
    """Writes one take at a time. `start` and `stop` return at once."""

    def __init__(self, buffer: CaptureBuffer, on_end: Callable[[DiskTake], object]) -> None:
        """`on_end` is called on the thread, once for each take, when its file is complete."""
        self._buffer = buffer
        self._on_end = on_end
        self._take: _OpenTake | None = None
        self._thread: threading.Thread | None = None

    @property
    def seconds(self) -> float:
        """Length of the take that is on disk so far."""
        take = self._take
        return take.seconds if take is not None else 0.0

    def start(self, path: Path) -> None:
        """Start to write the buffer's sound, from now on, to a new file."""
        self.close()
        take = self._take = _OpenTake(path, self._buffer.segment, self._buffer.position)
        self._thread = threading.Thread(
            target=self._run, args=(take,), name="disk recorder", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End the take at the buffer's current frame."""
        take = self._take
        if take is not None and not take.stopping.is_set():
            take.end = self._buffer.position
            take.stopping.set()

    def close(self) -> None:
        """End the take and wait until its file is complete."""
        self.stop()
        if self._thread is not None:
            self._thread.join(CLOSE_WITHIN_S)

    # --- the thread ---

    def _run(self, take: _OpenTake) -> None:
        failure = ""
        try:
            self._open_file(take)
            while not take.stopping.wait(WRITE_EVERY_S):
                self._catch_up(take)
            self._catch_up(take)
        except OSError as error:
            failure = reason(error)
        except Exception:
            log.exception("Recording to disk failed")
            failure = "see the log file"
        failure = self._close_file(take) or failure
        self._on_end(DiskTake(tuple(take.files), take.seconds, take.lost_s, failure))

    def _open_file(self, take: _OpenTake) -> None:
        number = len(take.files) + 1
        path = take.path if number == 1 else take.path.with_stem(f"{take.path.stem} ({number})")
        path.parent.mkdir(parents=True, exist_ok=True)
        take.wav = GrowingWav(path, take.segment.rate, take.segment.samples.shape[1])
        take.files.append(path)

    def _catch_up(self, take: _OpenTake) -> None:
        """Write everything that the buffer has and the file has not."""
        while True:
            target = self._buffer.end_of(take.segment)
            if take.end is not None:
                target = min(target, take.end)
            if take.position < target:
                self._append(take, min(target, take.position + MOST_FRAMES))
            elif take.segment.end is not None and take.segment is not self._buffer.segment:
                self._start_next_segment(take)
            else:
                return

    def _append(self, take: _OpenTake, end: int) -> None:
        assert take.wav is not None
        samples = self._buffer.read(take.segment, take.position, end)
        take.lost_s += (end - take.position - len(samples)) / take.segment.rate
        take.position = end
        try:
            take.wav.append(samples)
        finally:
            take.seconds = take.before_s + take.wav.frames / take.segment.rate
        if time.monotonic() - take.synced_s > SYNC_EVERY_S:
            take.wav.sync()
            take.synced_s = time.monotonic()

    def _start_next_segment(self, take: _OpenTake) -> None:
        """Close this file and begin the next one, at another rate."""
        assert take.wav is not None
        take.wav.close()
        take.wav, take.before_s = None, take.seconds
        take.segment = self._buffer.segment
        take.position = take.segment.first
        self._open_file(take)

    def _close_file(self, take: _OpenTake) -> str:
        """Close the file; return why that failed, or ""."""
        if take.wav is None:
            return ""
        try:
            take.wav.close()
        except OSError as error:
            return reason(error)
        return ""
