"""Lists the sounds of a player's own folder or shards with their captions. Training process."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from engine.api import EngineError
from engine.prompts.tokens import split_words

SOUND_SUFFIXES = frozenset((".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff"))
CAPTION_SUFFIXES = (".txt", ".json")
CAPTION_KEYS = ("caption", "text", "prompt")
TABLE = "captions.csv"
FILE_COLUMNS = ("file", "filename", "file_name", "path", "name")
COUNTED = re.compile(r"\s+(0\d+|\d{1,2})$")
"""A number that only counts files ("kick 03"); "kick 808" says something."""


class CorpusError(EngineError):
    """Sounds that no training can use; the text says which and what to do."""


class CaptionError(ValueError):
    """One sound without a usable caption; the text says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One sound: its name, its caption, and the bytes of a file that hold it (size -1: all)."""

    name: str
    caption: str
    file: Path
    start: int = 0
    size: int = -1

    def read(self) -> bytes:
        """Read the sound's file."""
        with self.file.open("rb") as file:
            file.seek(self.start)
            return file.read(self.size)


@dataclass(frozen=True, slots=True)
class Listing:
    """Sounds with captions, in the order of their names, and a sentence for each left out."""

    entries: tuple[Entry, ...]
    problems: tuple[str, ...]


def is_sound(name: str) -> bool:
    """Whether a file is read as a sound; hidden files (macOS leaves "._kick.wav") are not."""
    path = PurePosixPath(name)
    return path.suffix.lower() in SOUND_SUFFIXES and not path.name.startswith(".")


def list_folder(folder: Path) -> Listing:
    """List a folder with its subfolders; raises CorpusError where there is none, or no sound.

    Captions come from `captions.csv` (columns file and caption) where there is one, else from a
    .txt or .json beside each sound where any sound has one, else from the files' names.
    """
    if not folder.is_dir():
        raise CorpusError(f"There is no folder {folder}.")
    sounds = sorted(path for path in folder.rglob("*") if path.is_file() and is_sound(path.name))
    if not sounds:
        raise CorpusError(f"{folder} holds no sounds ({', '.join(sorted(SOUND_SUFFIXES))}).")
    names = [path.relative_to(folder).as_posix() for path in sounds]
    table = _read_table(folder / TABLE) if (folder / TABLE).exists() else None
    beside = any(_beside(path) is not None for path in sounds)
    entries, problems = [], []
    for path, name in zip(sounds, names, strict=True):
        try:
            if table is not None:
                caption = _row_of(name, table)
            elif beside:
                caption = _caption_beside(path)
            else:
                caption = caption_of_name(path.stem)
            entries.append(Entry(name, caption, path))
        except CaptionError as error:
            problems.append(f"{name}: {error}")
    if table is not None:
        problems += [f"{TABLE} names {name}, which is not there" for name in missing(table, names)]
    return Listing(tuple(entries), tuple(problems))


def missing(table: dict[str, str], names: Iterable[str]) -> list[str]:
    """Names of a table that no sound has."""
    return sorted(set(table) - set(names))


def caption_of_name(stem: str) -> str:
    """Read a file's name as a caption: "Punchy_Kick-03" is "Punchy Kick"."""
    try:
        stem.encode()
    except UnicodeEncodeError as error:
        raise CaptionError("its name is not UTF-8 text: rename it or add a caption") from error
    said = COUNTED.sub("", " ".join(re.split(r"[\s_.\-]+", stem)).strip())
    if not any(word.kind == "word" for word in split_words(said)):
        raise CaptionError("its name says nothing of the sound: add a caption")
    return said


def caption_of_bytes(content: bytes, suffix: str) -> str:
    """Read a caption file, text or JSON; raises CaptionError when it says nothing."""
    try:
        said = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CaptionError("its caption is not UTF-8 text: save it as UTF-8") from error
    if suffix == ".json":
        said = _caption_of_json(said)
    said = " ".join(said.split())
    if not split_words(said):
        raise CaptionError("its caption is empty")
    return said


def _caption_of_json(text: str) -> str:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise CaptionError(f"its caption is not JSON ({error})") from error
    if isinstance(found, dict):
        found = next((found[key] for key in CAPTION_KEYS if key in found), None)
    if not isinstance(found, str):
        raise CaptionError(f"its caption has no text under {', '.join(CAPTION_KEYS)}")
    return found


def _beside(sound: Path) -> Path | None:
    paths = (sound.with_suffix(suffix) for suffix in CAPTION_SUFFIXES)
    return next((path for path in paths if path.is_file()), None)


def _caption_beside(sound: Path) -> str:
    path = _beside(sound)
    if path is None:
        raise CaptionError(f"it has no caption: add {sound.stem}.txt")
    try:
        return caption_of_bytes(path.read_bytes(), path.suffix)
    except OSError as error:
        raise CaptionError(f"its caption could not be read ({error})") from error


def _row_of(name: str, table: dict[str, str]) -> str:
    if name not in table:
        raise CaptionError(f"{TABLE} has no row for it")
    if not split_words(table[name]):
        raise CaptionError(f"its caption in {TABLE} is empty")
    return table[name]


def _read_table(path: Path) -> dict[str, str]:
    """Captions by file name, as written by a spreadsheet: commas, semicolons or tabs."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path} is not UTF-8 text: save it as UTF-8.") from error
    except OSError as error:
        raise CorpusError(f"{path} could not be read ({error}).") from error
    first = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=max(",;\t", key=first.count))
    columns = {str(column).strip().lower(): column for column in reader.fieldnames or ()}
    file = next((columns[key] for key in FILE_COLUMNS if key in columns), None)
    said = next((columns[key] for key in CAPTION_KEYS if key in columns), None)
    if file is None or said is None:
        raise CorpusError(f'{path} must begin with a line that names columns: "file,caption".')
    try:
        rows = [(row[file] or "", row[said] or "") for row in reader]
    except csv.Error as error:
        raise CorpusError(f"{path} could not be read (line {reader.line_num}: {error}).") from error
    names = (PurePosixPath(name.strip().replace("\\", "/")).as_posix() for name, _ in rows)
    captions = (" ".join(caption.split()) for _, caption in rows)
    return {name: caption for name, caption in zip(names, captions, strict=True) if name != "."}
