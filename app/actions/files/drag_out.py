"""DragOut: the file behind a pad, for a DAW or a folder. Main thread only."""

from __future__ import annotations

from pathlib import Path

from app.model.session import Session
from app.model.storage.clip_store import ClipStore


class DragOut:
    """Provides files that exist, are complete, and are never changed or deleted afterwards."""

    def __init__(self, session: Session, store: ClipStore) -> None:
        self._session = session
        self._store = store

    def file_for_drag(self, pad_index: int) -> Path | None:
        """Return the WAV of the pad's current take; to be called before a drag begins.

        None for an empty pad, and with a notice when the take is not on disk yet.
        """
        take = self._session.kit.pads[pad_index].takes.current
        if take is None:
            return None
        path = self._store.file_for(take)
        if path is None:
            self._session.notify("This sound is not on disk yet; try again in a moment.", "warning")
        return path
