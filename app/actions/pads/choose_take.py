"""ChooseTake: moves back and forth among a pad's takes. Main thread only."""

from __future__ import annotations

from app.actions.pads.load_pads import PadLoader
from app.model.kit import Pad
from app.model.session import Session


class ChooseTake:
    """Undo is the previous take, redo the next one; nothing is ever removed."""

    def __init__(self, session: Session, loader: PadLoader) -> None:
        self._session = session
        self._loader = loader

    def undo(self, pad_index: int | None = None) -> bool:
        """Load the previous take (None: of the selected pad); False when there is none."""
        pad = self._pad(pad_index)
        return self._may_change(pad) and pad.takes.previous() is not None and self._load(pad)

    def redo(self, pad_index: int | None = None) -> bool:
        """Load the next take; False when there is none."""
        pad = self._pad(pad_index)
        return self._may_change(pad) and pad.takes.next() is not None and self._load(pad)

    def select(self, pad_index: int, take_index: int) -> bool:
        """Load the take at `take_index` of `pad.takes.items`; False when there is none."""
        pad = self._pad(pad_index)
        if not self._may_change(pad) or not 0 <= take_index < len(pad.takes.items):
            return False
        pad.takes.select(take_index)
        return self._load(pad)

    def _pad(self, index: int | None) -> Pad:
        return self._session.kit.pads[self._session.selected if index is None else index]

    def _may_change(self, pad: Pad) -> bool:
        return not self._session.refuse_locked(pad)

    def _load(self, pad: Pad) -> bool:
        if pad.state == "failed":
            pad.settle()
        self._loader.load(pad)
        pad.changed.emit()
        return True
