"""PadMap: which MIDI note plays which pad. Any thread."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from engine.files import paths
from engine.files.strict import ConfigError, from_table
from engine.files.toml import as_toml, read_toml

PADS = 16
FIRST_NOTE = 36
PRESETS = paths.PRESETS / "pad_maps"
DEFAULT_MAP = "chromatic"
"""Name of the preset, without .toml, that plays until the player chooses another."""


@dataclass(frozen=True, slots=True)
class PadMap:
    """Sixteen notes, pad 1 (bottom left) first, rows going up."""

    name: str
    notes: tuple[int, ...]
    _pads: dict[int, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse what cannot play sixteen pads."""
        check_notes(self.notes)
        object.__setattr__(self, "_pads", {note: pad for pad, note in enumerate(self.notes)})

    def pad(self, note: int) -> int | None:
        """Return the pad 0..15 that a note 0..127 plays, or None."""
        return self._pads.get(note)

    def note(self, pad: int) -> int:
        """Return the note that plays a pad 0..15."""
        return self.notes[pad]


@dataclass(frozen=True, slots=True)
class PadMapFile:
    """A pad map as its file says it."""

    name: str
    notes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PadMaps:
    """The maps to choose from, by the name of their file, and a sentence for each bad file."""

    maps: dict[str, PadMap]
    troubles: tuple[str, ...] = ()


def check_notes(notes: tuple[int, ...]) -> None:
    """Raise ValueError unless there are sixteen different notes 0..127."""
    if len(notes) != PADS:
        raise ValueError(f"there must be {PADS} notes, got {len(notes)}")
    outside = [note for note in notes if not 0 <= note <= 127]
    if outside:
        raise ValueError(f"notes must be 0..127, got {outside[0]}")
    twice = sorted({note for note in notes if notes.count(note) > 1})
    if twice:
        raise ValueError(f"note {twice[0]} stands for two pads")


def chromatic(first_note: int = FIRST_NOTE) -> PadMap:
    """Return sixteen notes in a row. Raises ValueError where they leave 0..127."""
    return PadMap(f"From note {first_note} up", tuple(range(first_note, first_note + PADS)))


def read_pad_map(path: Path) -> PadMap:
    """Read a map from a file. Raises ConfigError with a sentence on anything but a whole map."""
    read = from_table(PadMapFile, read_toml(path), path.name)
    try:
        return PadMap(read.name, read.notes)
    except ValueError as error:
        raise ConfigError(f"{path.name}: {error}.") from error


def read_pad_maps(*folders: Path) -> PadMaps:
    """Read every map of these folders; a later folder's file replaces an earlier one's.

    A file that is no map is left out and named; a folder that is not there is empty.
    """
    maps: dict[str, PadMap] = {DEFAULT_MAP: chromatic()}
    troubles: list[str] = []
    for folder in folders:
        for path in sorted(folder.glob("*.toml")):
            try:
                maps[path.stem] = read_pad_map(path)
            except ConfigError as error:
                troubles.append(str(error))
    return PadMaps(maps, tuple(troubles))


def pad_map_text(pad_map: PadMap) -> str:
    """Return the map as the text of its file."""
    return as_toml({"name": pad_map.name, "notes": pad_map.notes})
