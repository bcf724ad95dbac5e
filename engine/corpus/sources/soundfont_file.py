"""Which presets a soundfont (SF2) holds, and which keys each of them sounds. Needs no torch.

Only the lists are read (SoundFont 2.04 specification, sections 5 and 7), not the samples.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from engine.corpus.sources.listing import CorpusError

INSTRUMENT, KEY_RANGE, SAMPLE = 41, 43, 53
"""Generators of the specification's section 8.1.2."""
ALL_KEYS = (0, 127)
DRUM_BANK = 128


@dataclass(frozen=True, slots=True)
class Preset:
    """One sound of a soundfont, and its keys in order."""

    name: str
    bank: int
    program: int
    keys: tuple[int, ...]

    @property
    def is_kit(self) -> bool:
        """Whether each key is a drum of its own."""
        return self.bank == DRUM_BANK


@dataclass(frozen=True, slots=True)
class _Zone:
    keys: tuple[int, int]
    target: int | None


def read_presets(path: Path) -> list[Preset]:
    """Return the presets of a soundfont by bank and program; raises CorpusError."""
    try:
        lists = _lists(path)
        instruments = [
            _keys_of(zones) for zones in _zones(lists, "inst", "ibag", "igen", 20, SAMPLE)
        ]
        found = [
            Preset(name, bank, program, _keys_of(zones, instruments))
            for (name, program, bank), zones in zip(
                _headers(lists["phdr"]),
                _zones(lists, "phdr", "pbag", "pgen", 24, INSTRUMENT),
                strict=False,
            )
        ]
    except (OSError, KeyError, struct.error, IndexError) as error:
        raise CorpusError(f"{path} could not be read as a soundfont ({error}).") from error
    return sorted((p for p in found if p.keys), key=lambda p: (p.bank, p.program))


def _lists(path: Path) -> dict[str, bytes]:
    """The chunks of the file's `pdta` list, by name."""
    with path.open("rb") as file:
        form, _, kind = struct.unpack("<4sI4s", file.read(12))
        if form != b"RIFF" or kind != b"sfbk":
            raise CorpusError(f"{path} is no soundfont.")
        while header := file.read(8):
            name, size = struct.unpack("<4sI", header)
            if name == b"LIST" and file.read(4) == b"pdta":
                return dict(_chunks(file.read(size - 4)))
            file.seek(size + size % 2 - (4 if name == b"LIST" else 0), 1)
    raise CorpusError(f"{path} lists no presets.")


def _chunks(content: bytes) -> Iterator[tuple[str, bytes]]:
    place = 0
    while place + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, place)
        yield name.decode("ascii"), content[place + 8 : place + 8 + size]
        place += 8 + size + size % 2


def _headers(content: bytes) -> list[tuple[str, int, int]]:
    """Name, program and bank of each preset but the terminal one."""
    rows = struct.iter_unpack("<20sHHHIII", content)
    names = [(row[0].split(b"\0")[0].decode("latin-1").strip(), row[1], row[2]) for row in rows]
    return names[:-1]


def _zones(
    lists: dict[str, bytes], owners: str, bags: str, generators: str, name_size: int, target: int
) -> list[list[_Zone]]:
    """The zones of each preset or instrument, in the order of the file."""
    width = 38 if owners == "phdr" else 22
    firsts = [
        struct.unpack_from("<H", lists[owners], at + name_size)[0]
        for at in range(0, len(lists[owners]), width)
    ]
    starts = [row[0] for row in struct.iter_unpack("<HH", lists[bags])]
    rows = list(struct.iter_unpack("<HBB", lists[generators]))
    return [
        [_zone(rows[starts[bag] : starts[bag + 1]], target) for bag in range(first, last)]
        for first, last in pairwise(firsts)
    ]


def _zone(rows: list[tuple[int, int, int]], target: int) -> _Zone:
    keys, points_to = ALL_KEYS, None
    for operator, low, high in rows:
        if operator == KEY_RANGE:
            keys = (low, high)
        elif operator == target:
            points_to = low + 256 * high
    return _Zone(keys, points_to)


def _keys_of(
    zones: list[_Zone], instruments: list[tuple[int, ...]] | None = None
) -> tuple[int, ...]:
    """The keys that zones sound; of a first zone without a target, the others' default."""
    default = ALL_KEYS
    if zones and zones[0].target is None:
        default = zones[0].keys
    keys: set[int] = set()
    for zone in zones:
        if zone.target is None:
            continue
        low, high = zone.keys if zone.keys != ALL_KEYS else default
        inside = range(128) if instruments is None else instruments[zone.target]
        keys |= {key for key in inside if low <= key <= high}
    return tuple(sorted(keys))
