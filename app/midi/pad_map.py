"""PadMap and KeyMap: which MIDI note and which computer key plays which pad. Any thread."""

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


@dataclass(frozen=True, slots=True)
class KeyMap:
    """Four rows of four characters, from the bottom up."""

    rows: tuple[str, ...] = ("zxcv", "asdf", "qwer", "1234")

    def __post_init__(self) -> None:
        """Refuse another number of keys, or a key that stands twice."""
        keys = "".join(self.rows)
        if len(keys) != PADS or len(set(keys)) != PADS:
            raise ValueError(f"rows must hold {PADS} different keys, got {', '.join(self.rows)}")

    def pad(self, key: str) -> int | None:
        """Return the pad that a key's character plays ("z" and "Z" are one key), or None."""
        pad = "".join(self.rows).find(key.lower()) if len(key) == 1 else -1
        return None if pad < 0 else pad

    def key(self, pad: int) -> str:
        """Return the character that plays a pad 0..15, in lower case."""
        return "".join(self.rows)[pad]


@dataclass(frozen=True, slots=True)
class Controls:
    """Both maps."""

    notes: PadMap
    keys: KeyMap


def read_controls(path: Path = PAD_MAP_FILE) -> Controls:
    """Read both maps from a preset. Raises ValueError on anything but a whole map."""
    with path.open("rb") as file:
        data = tomllib.load(file)
    try:
        first, rows = data["notes"]["first"], data["keys"]["rows"]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path.name} lacks notes.first or keys.rows") from error
    if not isinstance(first, int) or not isinstance(rows, list):
        raise ValueError(f"{path.name}: notes.first must be a number and keys.rows a list")
    return Controls(PadMap(first), KeyMap(tuple(str(row) for row in rows)))
