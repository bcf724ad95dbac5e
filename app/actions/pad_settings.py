"""PadSettings: how a pad plays, what it is called, whether it is locked. Main thread only."""

from __future__ import annotations

from dataclasses import replace

from app.actions.load_pads import PadLoader
from app.audio.commands import PadMode
from app.model.kit import Pad, PadRecord
from app.model.session import Session

LONGEST_NAME = 60


class PadSettings:
    """Each change is checked, shown, and told to the mixer. Raises ValueError on nonsense."""

    def __init__(self, session: Session, loader: PadLoader) -> None:
        self._session = session
        self._loader = loader

    def set_mode(self, pad_index: int, mode: PadMode) -> None:
        """Play "one_shot" to the end, "gate" while held, "loop" round and round."""
        self._change(pad_index, replace(self._bare(pad_index), mode=mode))

    def set_gain_db(self, pad_index: int, gain_db: float) -> None:
        """-60..12."""
        self._change(pad_index, replace(self._bare(pad_index), gain_db=gain_db))

    def set_choke_group(self, pad_index: int, choke_group: int) -> None:
        """1..8, 0 = none."""
        self._change(pad_index, replace(self._bare(pad_index), choke_group=choke_group))

    def set_locked(self, pad_index: int, locked: bool) -> None:
        """A locked pad keeps its sound."""
        pad = self._pad(pad_index)
        pad.locked = locked
        pad.changed.emit()

    def rename(self, pad_index: int, name: str) -> None:
        """Name a pad; an empty name shows the take's name again."""
        pad = self._pad(pad_index)
        pad.name = " ".join(name.split())[:LONGEST_NAME]
        pad.changed.emit()

    def _pad(self, index: int) -> Pad:
        return self._session.kit.pads[index]

    def _bare(self, index: int) -> PadRecord:
        pad = self._pad(index)
        return PadRecord(mode=pad.mode, gain_db=pad.gain_db, choke_group=pad.choke_group)

    def _change(self, index: int, record: PadRecord) -> None:
        pad = self._pad(index)
        pad.mode, pad.gain_db, pad.choke_group = record.mode, record.gain_db, record.choke_group
        self._loader.configure(pad)
        pad.changed.emit()
