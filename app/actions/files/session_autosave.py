"""SessionAutosave: the pads stand in session.json at all times, and are back at the next start.

Main thread only; reading and writing happen elsewhere.
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
    """Writes session.json whenever a pad changes, once the last session is back on the pads."""

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
        self._writing = WriteNewest(writer, lambda sentence: log.warning("%s", sentence))
        self._written: KitRecord | None = None

    def restore(self, background: Background, loader: PadLoader) -> None:
        """Put the last session's sounds back on the pads, then begin to save this one's.

        The window is usable meanwhile: what a player makes before they are back stays on top.
        """

        def read() -> LastSession | None:
            return read_session(self._file, self._store.folder.parent)

        def back(last: LastSession | None) -> None:
            if last is not None:
                self._store.register(last.stored)
                self._restore(last, loader)
            self._follow()

        def failed(sentence: str) -> None:
            self._session.notify(f"The last session could not be restored: {sentence}", "warning")
            self._follow()

        background.run(read, back, failed)

    def close(self) -> None:
        """Write that this run ended by itself, after all that waits to be written."""
        self._writer.write(self._work(closed=True), lambda sentence: None)

    def _restore(self, last: LastSession, loader: PadLoader) -> None:
        kit = self._session.kit
        if kit.times_opened:
            return  # the player has opened a kit already; the old takes are on disk
        kit.name = last.kit.name
        for pad, record in zip(kit.pads, last.kit.pads, strict=True):
            if record != PadRecord():
                _put_below(pad, record)
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
        # Pads change at every step of a generation; most of that is not saved.
        if self._session.kit.record() != self._written:
            self._write()

    def _write(self) -> None:
        self._writing.write(self._work(closed=False))

    def _work(self, *, closed: bool) -> Callable[[], None]:
        kit = self._session.kit.record()
        self._written = kit
        record = SessionRecord(kit, self._store.folder, self._now(), closed)
        file, path_of = self._file, self._store.path_of
        return lambda: write_session(file, record, path_of)


def _put_below(pad: Pad, record: PadRecord) -> None:
    """Restore a pad; takes made since the start stay, after the old ones."""
    state, progress, message = pad.state, pad.progress, pad.message
    made = pad.record()
    if made.takes:
        takes = (*record.takes, *made.takes)
        record = replace(record, takes=takes, current=len(takes) - 1)
    pad.restore(record)
    if state in ("pending", "generating"):
        pad.show(state, progress=progress, message=message)
