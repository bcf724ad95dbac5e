"""KitFile: saves the sixteen pads as a kit folder, and opens one. Main thread only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.actions.pads.generate import Generate
from app.actions.pads.load_pads import PadLoader
from app.model.kit import KitRecord
from app.model.session import Session
from app.model.storage.clip_store import ClipStore
from app.model.storage.kit_folder import KIT_SUFFIX, open_kit, save_kit
from app.threads.background import Background
from app.threads.file_writer import WritesFiles


class KitFile:
    """Kits on disk. No method waits for the disk."""

    def __init__(
        self,
        session: Session,
        writer: WritesFiles,
        background: Background,
        loader: PadLoader,
        generate: Generate,
        store: ClipStore,
    ) -> None:
        self._session = session
        self._writer = writer
        self._background = background
        self._loader = loader
        self._generate = generate
        self._store = store
        self.folder: Path | None = None
        """The folder of the kit on the pads; None before it was saved or opened."""

    def save(self, folder: Path, done: Callable[[bool], object] = lambda saved: None) -> None:
        """Save to `folder` (".pingpad" is added), then notify and call `done(saved)`."""
        folder = (
            folder if folder.suffix == KIT_SUFFIX else folder.with_name(folder.name + KIT_SUFFIX)
        )
        kit = self._session.kit
        record = KitRecord(folder.stem, kit.record().pads)

        def on_written(sentence: str | None) -> None:
            if sentence is None:
                kit.name = record.name
                self.folder = folder
                kit.changed.emit()
                self._session.notify(f"Saved as {folder.name}.")
            else:
                self._session.notify(sentence, "error")
            done(sentence is None)

        self._writer.write(lambda: save_kit(record, folder), on_written)

    def open(self, folder: Path, done: Callable[[bool], object] = lambda opened: None) -> None:
        """Open a saved kit, then call `done(opened)`; the old sounds stay on disk as takes.

        For an incomplete or damaged kit there is a notice and nothing changes.
        """

        def on_read(record: KitRecord) -> None:
            self._generate.forget_requests()
            self.folder = folder
            self._session.kit.restore(record)
            for take in (take for pad in record.pads for take in pad.takes):
                self._store.save(take, None)
            self._loader.load_kit()
            self._session.notify(f"Opened {record.name}.")
            done(True)

        def on_failed(sentence: str) -> None:
            self._session.notify(sentence, "error")
            done(False)

        self._background.run(lambda: open_kit(folder), on_read, on_failed)
