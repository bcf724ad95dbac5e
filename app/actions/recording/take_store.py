"""TakeStore: adds a new take to a pad, loads it into the mixer and saves it. Main thread only."""

from __future__ import annotations

from collections.abc import Callable

from app.actions.pads.load_pads import PadLoader
from app.model.kit import Pad
from app.model.session import Session
from app.model.storage.clip_store import ClipStore
from app.model.takes import Take
from engine.clip import Clip


class TakeStore:
    """The only place that adds takes, whether generated, recorded or imported."""

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
        """Save a take and add it to the pad's takes; with `select` it becomes the current one.

        A pad that has been locked meanwhile keeps its sound; the take is only added. `then` is
        called once a hit plays the take.
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
        """Load the preview of a sound that is still being generated onto an empty pad."""
        if not pad.locked:
            self._loader.load_preview(pad, clip)

    def drop_preview(self, pad: Pad) -> None:
        """Empty a pad whose preview will not be followed by a complete sound."""
        self._loader.drop_preview(pad)

    def save_orphan(self, take: Take) -> None:
        """Save a take that belongs to no pad any more, and notify the player."""
        self._store.save(take, None)
        self._session.notify(f"“{take.name}” finished late; it is in the takes folder.")
