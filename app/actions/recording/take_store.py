"""TakeStore: puts a new take on a pad, into the mixer and on disk. Main thread only."""

from __future__ import annotations

from collections.abc import Callable

from app.actions.pads.load_pads import PadLoader
from app.model.kit import Pad
from app.model.session import Session
from app.model.storage.clip_store import ClipStore
from app.model.takes import Take
from engine.clip import Clip


class TakeStore:
    """The one door for new takes: whatever made them, they end on disk and on their pad."""

    def __init__(self, session: Session, loader: PadLoader, store: ClipStore) -> None:
        self._session = session
        self._loader = loader
        self._store = store

    def add(
        self,
        pad: Pad,
        take: Take,
        *,
        select: bool = True,
        then: Callable[[], None] = lambda: None,
    ) -> None:
        """Keep a take on disk and in the pad's takes; with `select` the next hits play it.

        A pad that was locked meanwhile keeps its sound: the take waits among its takes. `then` is
        called once a hit plays it.
        """
        self._store.save(take, pad.index)
        if pad.locked and select:
            self._session.notify(
                f"Pad {pad.index + 1} is locked: “{take.name}” was added to its takes."
            )
        select = select and not pad.locked
        pad.takes.add(take, select=select)
        pad.takes.forget_oldest(self._store.is_saved)
        if select:
            self._loader.load(pad, then)
        pad.changed.emit()

    def load_preview(self, pad: Pad, clip: Clip) -> None:
        """Let an empty pad play the beginning of a sound that is still being made."""
        if not pad.locked:
            self._loader.load_preview(pad, clip)

    def drop_preview(self, pad: Pad) -> None:
        """Silence a pad whose sound has begun and will not be made."""
        self._loader.drop_preview(pad)

    def save_without_pad(self, take: Take) -> None:
        """Keep a take on disk that belongs to no pad any more, and say so."""
        self._store.save(take, None)
        self._session.notify(f"“{take.name}” finished late; it is in the takes folder.")
