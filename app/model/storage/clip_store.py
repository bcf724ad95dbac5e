"""ClipStore: saves every take as WAV and JSON as soon as it exists.

Called on the main thread; writes on the file writer's. Files are created once, under unused names,
and never changed or deleted: a DAW may refer to them.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.model.event import Event
from app.model.session import NoticeKind
from app.model.storage.json_table import TableError, read_table
from app.model.storage.kit_folder import slug
from app.model.storage.take_json import take_from_json, take_to_json
from app.model.takes import Take
from app.threads.file_writer import WritesFiles
from engine.clip import Clip, ClipError
from engine.files.atomic import sync_folder, write_json
from engine.files.audio import read_clip, write_clip

TAKE_FORMAT = "pingpad take"
TAKE_VERSION = 1

log = logging.getLogger(__name__)

WriteClip = Callable[[Path, Clip, str], None]


@dataclass(frozen=True, slots=True)
class StoredTake:
    """A take as found on disk."""

    take: Take
    pad: int | None
    """The pad it was made for, 0..15."""
    path: Path


def run_folder(takes_folder: Path, now: float) -> Path:
    """Return the folder for the takes of one run, named by its start (local time)."""
    return takes_folder / time.strftime("%Y-%m-%d_%H-%M-%S", time.localtime(now))


class ClipStore:
    """The takes of this run."""

    def __init__(
        self,
        folder: Path,
        writer: WritesFiles,
        notify: Callable[[str, NoticeKind], None],
        write: WriteClip = write_clip,
    ) -> None:
        self._folder = folder
        self._writer = writer
        self._notify = notify
        self._write_clip = write
        self._lock = threading.Lock()
        self._files: dict[str, Path] = {}
        self._described: set[str] = set()
        self._unsaved: dict[str, Take] = {}
        self._failing = False
        self.take_saved: Event[()] = Event()
        """Emitted when a take has been saved."""

    @property
    def folder(self) -> Path:
        """The folder of this run's takes."""
        return self._folder

    @property
    def unsaved(self) -> tuple[Take, ...]:
        """Takes that are only in memory so far."""
        return tuple(self._unsaved.values())

    def save(self, take: Take, pad: int | None) -> None:
        """Save a take in the background, retrying until it succeeds; returns at once."""
        if take.id in self._unsaved or self.is_saved(take):
            return
        self._unsaved[take.id] = take
        self._writer.write(partial(self._write, take, pad), partial(self._done, take), retry=True)

    def is_saved(self, take: Take) -> bool:
        """Return whether the take is completely on disk."""
        with self._lock:
            return take.id in self._described

    def path_of(self, take: Take) -> Path | None:
        """Return the path of a saved take, without checking the disk; None before. Any thread."""
        with self._lock:
            return self._files.get(take.id) if take.id in self._described else None

    def file_for(self, take: Take) -> Path | None:
        """Return the take's finished WAV; None while it is not on disk.

        A file that has been removed is saved again.
        """
        path = self.path_of(take)
        if path is None:
            return None
        if not path.is_file():
            with self._lock:
                self._files.pop(take.id, None)
                self._described.discard(take.id)
            self.save(take, None)
            return None
        return path

    def register(self, stored: Sequence[StoredTake]) -> None:
        """Register the files of an earlier run's takes, so that they are not saved again."""
        with self._lock:
            for item in stored:
                self._files[item.take.id] = item.path
                self._described.add(item.take.id)

    # --- on the file writer's thread ---

    def _write(self, take: Take, pad: int | None) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._lock:
            path = self._files.get(take.id)
        if path is None:
            path = self._write_samples(take)
            with self._lock:
                self._files[take.id] = path
        write_json(
            path.with_suffix(".json"),
            {"format": TAKE_FORMAT, "version": TAKE_VERSION, "pad": pad}
            | take_to_json(take, path.name),
        )
        with self._lock:
            self._described.add(take.id)

    def _write_samples(self, take: Take) -> Path:
        temporary = self._folder / f".{take.id}.wav"
        self._write_clip(temporary, take.clip, "FLOAT")
        number = 1
        while True:
            path = self._folder / f"{slug(take.name)}_{number:03d}.wav"
            if _place(temporary, path):
                sync_folder(self._folder)
                return path
            number += 1

    # --- on the main thread ---

    def _done(self, take: Take, sentence: str | None) -> None:
        if sentence is None:
            self._unsaved.pop(take.id, None)
            if self._failing and not self._unsaved:
                self._failing = False
                self._notify("All takes are on disk again.", "info")
            self.take_saved.emit()
        elif not self._failing:
            self._failing = True
            self._notify(
                f"A take could not be saved. {sentence} It stays on its pad, and Pingpad keeps "
                "trying: leave Pingpad open and free some disk space.",
                "error",
            )


def recover(folder: Path) -> tuple[StoredTake, ...]:
    """Read the takes of a run's folder, oldest first; damaged ones are logged and skipped."""
    stored = []
    for path in folder.glob("*.json"):
        try:
            stored.append(read_stored(path))
        except (OSError, UnicodeDecodeError, TableError, ClipError) as error:
            log.warning("Cannot read take %s: %s", path, error)
    return tuple(sorted(stored, key=lambda item: item.take.created))


def read_stored(path: Path) -> StoredTake:
    """Read one take by its JSON. Raises OSError, UnicodeDecodeError, TableError, ClipError."""
    table = read_table(path.read_text(encoding="utf-8"), path.name)
    if table.text("format") != TAKE_FORMAT or table.whole("version") != TAKE_VERSION:
        raise TableError(f"{path.name} is not a take of this version")
    pad = table.whole("pad") if table.has("pad") else None
    take = take_from_json(table, lambda name: read_clip(path.parent / Path(name).name))
    table.end()
    return StoredTake(take, pad, path.with_suffix(".wav"))


def _place(temporary: Path, path: Path) -> bool:
    """Rename a finished file; return False if the name is taken."""
    try:
        # A link fails where a rename would silently replace a file.
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError:
        if path.exists():
            return False
        temporary.rename(path)  # a file system without links (exFAT)
        return True
    temporary.unlink()
    return True
