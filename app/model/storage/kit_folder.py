"""A kit on disk: a folder "name.pingpad" with kit.json and a WAV for each take. Any thread."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from app.errors import reason
from app.model.kit import PADS, KitRecord, PadRecord
from app.model.storage.json_table import Table, TableError, read_table
from app.model.storage.take_json import (
    JsonObject,
    settings_from_json,
    settings_to_json,
    take_from_json,
    take_to_json,
)
from app.model.takes import Take
from engine.clip import Clip, ClipError
from engine.errors import PlayerError
from engine.files.atomic import write_json
from engine.files.audio import read_clip, write_clip

KIT_SUFFIX = ".pingpad"
KIT_FILE = "kit.json"
KIT_FORMAT = "pingpad kit"
KIT_VERSION = 2
"""Version 2 has more pad parameters. A kit of version 1 plays as before."""


class KitError(PlayerError):
    """A kit that cannot be saved or opened; the text says why and what to do."""


def slug(name: str, longest: int = 40) -> str:
    """Return a name in lower-case letters, digits and dashes, valid on every file system."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:longest].strip("-") or "sound"


def save_kit(kit: KitRecord, folder: Path) -> None:
    """Save a kit; a crash or a full disk leaves the previous kit intact. Raises KitError.

    The WAVs are written first, under unique names, and never overwritten; then kit.json is
    replaced atomically.
    """
    try:
        _refuse_other_folders(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for pad in kit.pads:
            for take in pad.takes:
                path = folder / _file_name(take)
                if not path.exists():
                    write_clip(path, take.clip, "FLOAT")
        write_json(folder / KIT_FILE, _kit_to_json(kit))
    except OSError as error:
        raise KitError(_not_saved(folder, reason(error))) from error
    except ClipError as error:
        cause = error.__cause__
        raise KitError(_not_saved(folder, reason(cause if cause else error))) from error


def open_kit(folder: Path) -> KitRecord:
    """Read a complete kit, or raise KitError with what is wrong with it."""
    path = folder / KIT_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise KitError(
            f"{folder.name} is not a kit: it holds no {KIT_FILE}. Choose a {KIT_SUFFIX} folder."
        ) from error
    except OSError as error:
        raise KitError(f"{folder.name} could not be opened: {reason(error)}.") from error
    except UnicodeDecodeError as error:
        raise KitError(_damaged(folder, f"{KIT_FILE} is not a text")) from error
    try:
        return _kit_from_json(read_table(text, KIT_FILE), folder)
    except (TableError, ClipError) as error:
        raise KitError(_damaged(folder, str(error).rstrip("."))) from error


def _refuse_other_folders(folder: Path) -> None:
    if folder.is_dir() and not (folder / KIT_FILE).exists() and any(folder.glob("[!.]*")):
        # A first save that was interrupted leaves only WAVs.
        if all(path.suffix == ".wav" for path in folder.glob("[!.]*")):
            return
        raise KitError(f"{folder.name} already holds other things. Choose another name.")


def _kit_to_json(kit: KitRecord) -> JsonObject:
    return {
        "format": KIT_FORMAT,
        "version": KIT_VERSION,
        "name": kit.name,
        "pads": [_pad_to_json(pad) for pad in kit.pads],
    }


def _pad_to_json(pad: PadRecord) -> JsonObject:
    takes = [take_to_json(take, _file_name(take)) for take in pad.takes]
    return settings_to_json(pad) | {"current": pad.current, "takes": takes}


def _pad_from_json(table: Table, folder: Path) -> PadRecord:
    takes = []
    for item in table.tables("takes", "take"):
        takes.append(take_from_json(item, lambda name: _read_clip(folder, name)))
        item.end()
    current = table.whole("current") if table.has("current") else None
    pad = settings_from_json(table, tuple(takes), current)
    table.end()
    return pad


def _kit_from_json(table: Table, folder: Path) -> KitRecord:
    if table.text("format") != KIT_FORMAT:
        raise TableError(f"{KIT_FILE} is not the file of a kit")
    version = table.whole("version")
    if version > KIT_VERSION:
        raise KitError(
            f"{folder.name} was saved by a newer Pingpad (kit version {version}; this one reads "
            f"{KIT_VERSION}). Update Pingpad to open it."
        )
    if version < 1:
        raise TableError(f"{KIT_FILE}: version must be 1 or more, got {version}")
    name = table.text("name")
    pads = tuple(_pad_from_json(pad, folder) for pad in table.tables("pads", "pad"))
    table.end()
    if len(pads) != PADS:
        raise TableError(f"{KIT_FILE} must hold {PADS} pads, got {len(pads)}")
    return KitRecord(name, pads)


def _read_clip(folder: Path, name: str) -> Clip:
    if Path(name).name != name or "\\" in name or not name.endswith(".wav"):
        raise TableError(f"{KIT_FILE} names {name!r}, which is not a WAV of the kit's own")
    if not (folder / name).is_file():
        raise TableError(f"{name} is missing")
    return read_clip(folder / name)


def _file_name(take: Take) -> str:
    return f"{slug(take.name)}-{take.id}.wav"


def _not_saved(folder: Path, why: str) -> str:
    return (
        f"{folder.name} was not saved: {why}. Your sounds are still on the pads; save to another "
        "place or make room."
    )


def _damaged(folder: Path, why: str) -> str:
    return f"{folder.name} is damaged ({why}). Copy it again from where it came from."
