"""MasterRecording: records the master output to a file. Main thread only."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from app.audio.recording.disk_recorder import DiskTake
from app.model.session import Session


class WritesSound(Protocol):
    """The part of app.audio.recording.disk_recorder.DiskRecorder that MasterRecording needs."""

    @property
    def seconds(self) -> float:
        """Length of the recording that is on disk so far."""
        ...

    def start(self, path: Path) -> None:
        """Start to write the master output to a new file; returns at once."""
        ...

    def stop(self) -> None:
        """End the recording; returns at once."""
        ...


class MasterRecording:
    """One button that starts and ends the recording."""

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
        """The folder of the files; it need not exist yet."""
        self._now = now

    def toggle(self) -> None:
        """Start the recording, or end it."""
        if self._session.master_recording:
            self._recorder.stop()
            return
        self._recorder.start(self._free_path())
        self._session.set_master_recording(True)

    @property
    def seconds(self) -> float:
        """Length of the file so far; 0 while not recording."""
        return self._recorder.seconds if self._session.master_recording else 0.0

    def on_ended(self, written: DiskTake) -> None:
        """Notify the player what is on disk, and of the failure if there was one."""
        self._session.set_master_recording(False)
        names = " and ".join(file.name for file in written.files)
        saved = f"Saved {format_length(written.seconds)} to {names}" if written.seconds else ""
        if written.failure and saved:
            self._session.notify(f"The recording ended: {written.failure}. {saved}.", "error")
        elif written.failure:
            self._session.notify(f"Nothing was recorded: {written.failure}.", "error")
        elif written.lost_s:
            lost = f"the disk was too slow, {written.lost_s:.1f} s are missing"
            self._session.notify(f"{saved}; {lost}.", "warning")
        else:
            self._session.notify(f"{saved}." if saved else "Nothing was played.")

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
