"""Pad and Kit: sixteen pads, their sounds and their settings. Main thread only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.audio.mixer.pad_parameters import DEFAULT_PARAMETERS, PadParameters
from app.model.event import Event
from app.model.takes import Take, Takes

PADS = 16

PadState = Literal["empty", "ready", "pending", "generating", "failed"]
"""empty: a hit is silent. pending: requested, waiting for the engine. generating: in progress.
failed: the last request failed; `message` says why. In pending, generating and failed a hit still
plays the previous sound, if there was one (`Pad.loaded`)."""


@dataclass(frozen=True, slots=True)
class PadRecord:
    """A pad as it is saved: no states, no events. Any thread."""

    name: str = ""
    parameters: PadParameters = DEFAULT_PARAMETERS
    locked: bool = False
    takes: tuple[Take, ...] = ()
    current: int | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a current take that does not exist."""
        if self.current is not None and not 0 <= self.current < len(self.takes):
            raise ValueError(f"current must be 0..{len(self.takes) - 1}, got {self.current}")


@dataclass(frozen=True, slots=True)
class KitRecord:
    """A kit as it is saved: sixteen pads and a name. Any thread."""

    name: str
    pads: tuple[PadRecord, ...]

    def __post_init__(self) -> None:
        """Raise ValueError unless there are sixteen pads."""
        if len(self.pads) != PADS:
            raise ValueError(f"a kit has {PADS} pads, got {len(self.pads)}")


class Pad:
    """One pad. Widgets read it and listen to `changed`; only actions change it."""

    def __init__(self, index: int) -> None:
        self.index = index
        """0..15; 0 is the bottom left (MIDI note 36), rows go up."""
        self.takes = Takes()
        self.changed: Event[()] = Event()
        """Emitted when anything about the pad changes."""
        self.loaded: Take | None = None
        """The take that is loaded in the mixer, which the next hit plays."""
        self.name = ""
        """The player's name for it; "": `title` shows the take's."""
        self.parameters = DEFAULT_PARAMETERS
        """How it plays."""
        self.locked = False
        """Whether the pad keeps its sound: nothing replaces it."""
        self.state: PadState = "empty"
        self.progress = 0.0
        """0..1 of the steps done; 0 unless generating."""
        self.message = ""
        """Why the last request failed; "" otherwise."""

    @property
    def title(self) -> str:
        """The name to show: the player's, else the current take's, else ""."""
        take = self.takes.current
        return self.name or (take.name if take else "")

    def show(self, state: PadState, *, progress: float = 0.0, message: str = "") -> None:
        """Set state, progress and message together, and emit `changed`."""
        self.state, self.progress, self.message = state, progress, message
        self.changed.emit()

    def settle(self) -> None:
        """Show the state at rest: ready if a sound is loaded, else empty."""
        self.show("empty" if self.loaded is None else "ready")

    def record(self) -> PadRecord:
        """Return a snapshot of the pad for saving."""
        return PadRecord(
            self.name,
            self.parameters,
            self.locked,
            self.takes.items,
            self.takes.index,
        )

    def restore(self, record: PadRecord) -> None:
        """Restore a snapshot; the sound still has to be loaded into the mixer."""
        self.name, self.parameters, self.locked = record.name, record.parameters, record.locked
        self.takes.replace_all(record.takes, record.current)
        self.settle()


class Kit:
    """Sixteen pads saved together. The pads are the same objects for as long as the app runs."""

    def __init__(self, name: str = "New kit") -> None:
        self.name = name
        self.pads: tuple[Pad, ...] = tuple(Pad(index) for index in range(PADS))
        self.changed: Event[()] = Event()
        """Emitted when the name changes or another kit is opened."""
        self.times_opened = 0
        """Counts opened kits: identifies the kit for which a sound was requested."""

    def record(self) -> KitRecord:
        """Return a snapshot of the kit for saving."""
        return KitRecord(self.name, tuple(pad.record() for pad in self.pads))

    def restore(self, record: KitRecord) -> None:
        """Restore a snapshot; the sounds still have to be loaded into the mixer."""
        self.name = record.name
        self.times_opened += 1
        for pad, pad_record in zip(self.pads, record.pads, strict=True):
            pad.restore(pad_record)
        self.changed.emit()

    def find_take(self, take_id: str) -> Take | None:
        """Return the take of that id from any pad, or None."""
        found = (pad.takes.find(take_id) for pad in self.pads)
        return next((take for take in found if take is not None), None)
