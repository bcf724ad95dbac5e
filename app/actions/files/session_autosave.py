"""SessionAutosave: saves the pads to session.json after every change, and restores them on start.

Main thread only; reading and writing happen on other threads.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from app.actions.pads.load_pads import PadLoader
from app.model.kit import KitRecord, Pad, PadRecord
from app.model.session import Session
from app.model.storage.clip_store import ClipStore
from app.model.storage.session_file import LastSession, SessionRecord, read_session, write_session
from app.threads.background import Background
from app.threads.file_writer import WriteNewest, WritesFiles

log = logging.getLogger(__name__)


class SessionAutosave:
    """Writes session.json whenever a pad changes, once the last session has been restored."""

    def __init__(
        self,
        session: Session,
        store: ClipStore,
        writer: WritesFiles,
        file: Path,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._store = store
        self._file = file
        self._now = now
        self._writer = writer
        self._newest = WriteNewest(writer, lambda sentence: log.warning("%s", sentence))
        self._written: KitRecord | None = None

    def restore(self, background: Background, loader: PadLoader) -> None:
        """Restore the last session's pads, then start to save this session.

        The window is usable meanwhile: takes made before the end of this stay the current ones.
        """

        def read() -> LastSession | None:
            return read_session(self._file, self._store.folder.parent)

        def on_read(last: LastSession | None) -> None:
            if last is not None:
                self._store.register(last.stored)
                self._restore(last, loader)
            self._follow()

        def on_failed(sentence: str) -> None:
            self._session.notify(f"The last session could not be restored: {sentence}", "warning")
            self._follow()

        background.run(read, on_read, on_failed)

    def close(self) -> None:
        """Mark the session as closed properly, after all pending writes."""
        self._writer.write(self._make_write(closed=True), lambda sentence: None)

    def _restore(self, last: LastSession, loader: PadLoader) -> None:
        kit = self._session.kit
        if kit.times_opened:
            return  # the player has opened a kit already; the old takes are on disk
        kit.name = last.kit.name
        for pad, record in zip(kit.pads, last.kit.pads, strict=True):
            if record != PadRecord():
                _restore_below(pad, record)
                loader.configure(pad)
                loader.load(pad)
        kit.changed.emit()
        if last.stored and not last.closed:
            self._session.notify(
                "Pingpad did not shut down properly last time. Your sounds are back on the pads."
            )

    def _follow(self) -> None:
        for pad in self._session.kit.pads:
            pad.changed.connect(self._write_if_changed)
        self._session.kit.changed.connect(self._write_if_changed)
        self._write()

    def _write_if_changed(self) -> None:
        # Pads change at every step of a generation, mostly in ways that are not saved.
        if self._session.kit.record() != self._written:
            self._write()

    def _write(self) -> None:
        self._newest.write(self._make_write(closed=False))

    def _make_write(self, *, closed: bool) -> Callable[[], None]:
        kit = self._session.kit.record()
        self._written = kit
        record = SessionRecord(kit, self._store.folder, self._now(), closed)
        file, path_of = self._file, self._store.path_of
        return lambda: write_session(file, record, path_of)


def _restore_below(pad: Pad, record: PadRecord) -> None:
    """Restore a pad; takes made since the start stay after the restored ones."""
    state, progress, message = pad.state, pad.progress, pad.message
    made = pad.record()
    if made.takes:
        takes = (*record.takes, *made.takes)
        record = replace(record, takes=takes, current=len(takes) - 1)
    pad.restore(record)
    if state in ("pending", "generating"):
        pad.show(state, progress=progress, message=message)
