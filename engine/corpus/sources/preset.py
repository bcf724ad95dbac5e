"""The preset of real sounds in a corpus, as written in presets/corpus/sources.toml. No torch."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from engine.corpus.sources.listing import CorpusError
from engine.files.strict import from_table
from engine.files.toml import read_toml

CHECKSUM = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class SoundSet:
    """One soundfont or set of recordings of a package, by its path there.

    Captions of recordings are their files' names, in which each pattern of `replace` becomes what
    follows it; or, with `captions` of "kit", the names that a Hydrogen drum kit gives them. Files
    of a pattern in `leave_out` stay out.
    """

    name: str
    path: str
    kind: Literal["soundfont", "recordings"]
    captions: Literal["names", "kit"] = "names"
    replace: tuple[tuple[str, ...], ...] = ()
    leave_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse names that leave the folder, and replacements of other than two."""
        if not re.fullmatch(r"[a-z0-9-]+", self.name):
            raise ValueError(f"name must be of a-z, 0-9 and -, got {self.name!r}")
        if any(len(pair) != 2 for pair in self.replace):
            raise ValueError("each entry of replace must be a pattern and what takes its place")


@dataclass(frozen=True, slots=True)
class Package:
    """A package of a registry that holds sounds, and under which terms."""

    name: str
    registry: Literal["debian", "npm"]
    version: str
    file: str
    sha256: str
    licence: str
    licence_file: str
    authors: tuple[str, ...]
    sets: tuple[SoundSet, ...]

    def __post_init__(self) -> None:
        """Refuse a package that could not be checked."""
        if not CHECKSUM.fullmatch(self.sha256):
            raise ValueError(f"sha256 must be 64 digits of 0-9 and a-f, got {self.sha256!r}")


@dataclass(frozen=True, slots=True)
class SourcesPreset:
    """All packages, and a table of recordings that the user brings in a folder of their own."""

    packages: tuple[Package, ...]
    recordings: str = ""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording of the user's folder: what it must be, where it came from, and by whom."""

    file: str
    sha256: str
    caption: str
    licence: str
    licence_file: str
    author: str
    source: str


@dataclass(frozen=True, slots=True)
class Sources:
    """A preset as it was read."""

    packages: tuple[Package, ...]
    recordings: tuple[Recording, ...] = field(default=())


def read_sources(path: Path) -> Sources:
    """Read a preset and the table it names, beside it. Raises ConfigError or CorpusError."""
    preset = from_table(SourcesPreset, read_toml(path), path.name)
    if not preset.recordings:
        return Sources(preset.packages)
    table = path.parent / preset.recordings
    try:
        with table.open(encoding="utf-8", newline="") as file:
            recordings = tuple(Recording(**row) for row in csv.DictReader(file))
    except (OSError, TypeError) as error:
        raise CorpusError(f"{table} could not be read ({error}).") from error
    return Sources(preset.packages, recordings)
