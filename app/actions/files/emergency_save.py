"""Emergency save: on shutdown, unsaved takes are written to a temporary folder. Main thread."""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path

from app.model.storage.clip_store import ClipStore
from app.threads.file_writer import FileWriter

log = logging.getLogger(__name__)


def save_in_emergency(store: ClipStore) -> None:
    """Write all unsaved takes to a new temporary folder, and report it to log and terminal."""
    unsaved = [take for take in store.unsaved if not store.is_saved(take)]
    if not unsaved:
        return
    folder = Path(tempfile.mkdtemp(prefix="pingpad-rescued-"))
    writer = FileWriter(lambda call: None)
    elsewhere = ClipStore(folder, writer, lambda text, kind: None)
    writer.start()
    for take in unsaved:
        elsewhere.save(take, None)
    saved = writer.stop()
    text = "were written to" if saved else "could not all be written, not even to"
    log.error("%d takes %s %s", len(unsaved), text, folder)
    sys.stderr.write(f"Pingpad: {len(unsaved)} takes {text} {folder}\n")
