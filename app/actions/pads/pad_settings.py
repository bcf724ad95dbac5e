"""PadSettings: changes a pad's parameters, name and lock. Main thread only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from app.actions.pads.load_pads import PadLoader
from app.audio.mixer.pad_parameters import SHORTEST_REGION, PadParameters
from app.model.kit import Pad
from app.model.parameter_kinds import Number
from app.model.session import Session

LONGEST_NAME = 60


class PadSettings:
    """Each change is applied to the mixer and emitted by the pad."""

    def __init__(self, session: Session, loader: PadLoader) -> None:
        self._session = session
        self._loader = loader

    def set_parameters(self, pad_index: int, parameters: PadParameters) -> None:
        """Set a pad's parameters."""
        pad = self._pad(pad_index)
        if parameters != pad.parameters:
            other_layers = parameters.layers != pad.parameters.layers
            pad.parameters = parameters
            self._loader.configure(pad)
            if other_layers:
                self._loader.load(pad)
            pad.changed.emit()

    def change(self, pad_index: int, **values: Any) -> None:  # noqa: ANN401
        """Change some fields of a pad's PadParameters. Raises ValueError out of range."""
        self.set_parameters(pad_index, replace(self._pad(pad_index).parameters, **values))

    def set_number(self, pad_index: int, row: Number, value: float) -> None:
        """Set a number of a pad's PadParameters to the nearest allowed value."""
        parameters = self._pad(pad_index).parameters
        value = row.settle(value)
        if row.field == "start":
            value = min(value, parameters.end - SHORTEST_REGION)
        elif row.field == "end":
            value = max(value, parameters.start + SHORTEST_REGION)
        self.change(pad_index, **{row.field: value})

    def set_locked(self, pad_index: int, locked: bool) -> None:
        """Lock or unlock a pad; a locked pad keeps its sound."""
        pad = self._pad(pad_index)
        pad.locked = locked
        pad.changed.emit()

    def rename(self, pad_index: int, name: str) -> None:
        """Name a pad; with an empty name it shows its take's name."""
        pad = self._pad(pad_index)
        pad.name = " ".join(name.split())[:LONGEST_NAME]
        pad.changed.emit()

    def _pad(self, index: int) -> Pad:
        return self._session.kit.pads[index]
