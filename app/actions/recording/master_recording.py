"""MasterRecording: all that is played goes to a file while it is played. Main thread only."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from app.audio.recording.disk_recorder import DiskTake
from app.model.session import Session


class WritesSound(Protocol):
    """What performing needs of app.audio.recording.disk_recorder.DiskRecorder."""

    @property
    def seconds(self) -> float:
        """What is on disk by now."""
        ...

    def start(self, path: Path) -> None:
        """Write what is played from now on to a new file; returns at once."""
        ...

    def stop(self) -> None:
        """End it; returns at once."""
        ...


class MasterRecording:
    """One button: start, and end what was started."""

    def __init__(
        self,
        session: Session,
        recorder: WritesSound,
        folder: Path,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._recorder = recorder
        self.folder = folder
        """Where the files go; it may not be there yet."""
        self._now = now

    def toggle(self) -> None:
        """Write what is played from now on to a file, or end that."""
        if self._session.master_recording:
            self._recorder.stop()
            return
        self._recorder.start(self._free_path())
        self._session.set_master_recording(True)

    @property
    def seconds(self) -> float:
        """Length of the file by now."""
        return self._recorder.seconds if self._session.master_recording else 0.0

    def on_ended(self, written: DiskTake) -> None:
        """Say what is on disk, and why it ended if nobody ended it."""
        self._session.set_master_recording(False)
        names = " and ".join(file.name for file in written.files)
        kept = f"Saved {format_length(written.seconds)} to {names}" if written.seconds else ""
        if written.failure and kept:
            self._session.notify(f"The recording ended: {written.failure}. {kept}.", "error")
        elif written.failure:
            self._session.notify(f"Nothing was recorded: {written.failure}.", "error")
        elif written.lost_s:
            lost = f"the disk was too slow, {written.lost_s:.1f} s are missing"
            self._session.notify(f"{kept}; {lost}.", "warning")
        else:
            self._session.notify(f"{kept}." if kept else "Nothing was played.")

    def _free_path(self) -> Path:
        stamp = time.strftime("%Y-%m-%d %H.%M.%S", time.localtime(self._now()))
        path, number = self.folder / f"Performance {stamp}.wav", 2
        while path.exists():
            path, number = self.folder / f"Performance {stamp} - {number}.wav", number + 1
        return path


def format_length(seconds: float) -> str:
    """Format a length: 1:02:03 or 4:05."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    tail = f"{whole % 60:02d}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"
