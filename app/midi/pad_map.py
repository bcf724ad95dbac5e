"""PadMap: which MIDI note plays which pad. Any thread."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

PADS = 16
PAD_MAP_FILE = Path(__file__).resolve().parents[2] / "presets" / "pad_map.toml"


@dataclass(frozen=True, slots=True)
class PadMap:
    """Sixteen notes in a row, from `first_note` up, on any channel."""

    first_note: int = 36

    def __post_init__(self) -> None:
        """Refuse notes outside MIDI."""
        if not 0 <= self.first_note <= 128 - PADS:
            raise ValueError(f"first_note must be 0..{128 - PADS}, got {self.first_note}")

    def pad(self, note: int) -> int | None:
        """Return the pad 0..15 that a note 0..127 plays, or None."""
        pad = note - self.first_note
        return pad if 0 <= pad < PADS else None

    def note(self, pad: int) -> int:
        """Return the note that plays a pad 0..15."""
        return self.first_note + pad


def read_pad_map(path: Path = PAD_MAP_FILE) -> PadMap:
    """Read a map from a preset. Raises ValueError on anything but a whole map."""
    with path.open("rb") as file:
        data = tomllib.load(file)
    if set(data) != {"first_note"} or not isinstance(data["first_note"], int):
        raise ValueError(f"{path.name} must hold first_note, a number, and nothing else")
    return PadMap(data["first_note"])
