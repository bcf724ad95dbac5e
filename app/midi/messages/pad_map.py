"""PadMap: which MIDI note plays which pad. Any thread."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from app.model.kit import PADS
from engine.files import paths
from engine.files.strict import ConfigError, from_table
from engine.files.toml import as_toml, read_toml

FIRST_NOTE = 36
PRESETS = paths.PRESETS / "pad_maps"
DEFAULT_MAP = "chromatic"
"""Name of the default preset, without .toml."""


@dataclass(frozen=True, slots=True)
class PadMap:
    """Sixteen notes, pad 1 (bottom left) first, rows going up."""

    name: str
    notes: tuple[int, ...]
    _pads: dict[int, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raise ValueError unless there are sixteen different notes."""
        check_notes(self.notes)
        object.__setattr__(self, "_pads", {note: pad for pad, note in enumerate(self.notes)})

    def find_pad(self, note: int) -> int | None:
        """Return the pad 0..15 that a note 0..127 plays, or None."""
        return self._pads.get(note)


@dataclass(frozen=True, slots=True)
class PadMapFile:
    """The contents of a pad map's file."""

    name: str
    notes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PadMaps:
    """The maps by file name, and a message for each file that could not be read."""

    maps: dict[str, PadMap]
    errors: tuple[str, ...] = ()


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


def make_chromatic_map(first_note: int = FIRST_NOTE) -> PadMap:
    """Return sixteen consecutive notes. Raises ValueError where they leave 0..127."""
    return PadMap(f"From note {first_note} up", tuple(range(first_note, first_note + PADS)))


def read_pad_map(path: Path) -> PadMap:
    """Read a map from a file. Raises ConfigError on anything but a complete map."""
    read = from_table(PadMapFile, read_toml(path), path.name)
    try:
        return PadMap(read.name, read.notes)
    except ValueError as error:
        raise ConfigError(f"{path.name}: {error}.") from error


def read_pad_maps(*folders: Path) -> PadMaps:
    """Read every map of these folders; a later folder's file replaces an earlier one's.

    A file that is no map is skipped and reported; a missing folder is empty.
    """
    maps: dict[str, PadMap] = {DEFAULT_MAP: make_chromatic_map()}
    errors: list[str] = []
    for folder in folders:
        for path in sorted(folder.glob("*.toml")):
            try:
                maps[path.stem] = read_pad_map(path)
            except ConfigError as error:
                errors.append(str(error))
    return PadMaps(maps, tuple(errors))


def format_pad_map(pad_map: PadMap) -> str:
    """Format the file of a map."""
    return as_toml({"name": pad_map.name, "notes": pad_map.notes})
