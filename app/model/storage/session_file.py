"""The pads as they stand, in session.json, so that the next start finds them. Any thread.

The takes are in the takes folder; here stands only which of them is where. A crash between the
two costs nothing: takes of the run that are not in session.json are found in its folder.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from app.model.kit import PADS, KitRecord, PadRecord
from app.model.storage.clip_store import StoredTake, read_stored, recover
from app.model.storage.json_table import Table, TableError, read_table
from app.model.storage.take_json import JsonObject, settings_from_json, settings_to_json
from app.model.takes import Take
from engine.clip import ClipError
from engine.files.atomic import write_json

SESSION_FORMAT = "pingpad session"
SESSION_VERSION = 1

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LastSession:
    """What the last run left."""

    kit: KitRecord
    stored: tuple[StoredTake, ...]
    """The files of the kit's takes."""
    closed: bool
    """False: it did not end by itself."""


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """What stands in session.json."""

    kit: KitRecord
    run: Path
    """The folder the run writes its takes to."""
    written: float
    """Seconds since 1970 (UTC)."""
    closed: bool


def write_session(
    path: Path, record: SessionRecord, file_for: Callable[[Take], Path | None]
) -> None:
    """Write session.json. Raises OSError."""
    write_json(
        path,
        {
            "format": SESSION_FORMAT,
            "version": SESSION_VERSION,
            "name": record.kit.name,
            "run": str(record.run),
            "written": record.written,
            "closed": record.closed,
            "pads": [_pad_to_json(pad, file_for) for pad in record.kit.pads],
        },
    )


def read_session(path: Path, takes_folder: Path) -> LastSession | None:
    """Return what the last run left, or None if there was none. Never raises for its content.

    A damaged session.json is made up for by the newest run's folder of takes.
    """
    try:
        return _from_json(read_table(path.read_text(encoding="utf-8"), path.name))
    except FileNotFoundError:
        log.info("No session file %s", path)
    except (OSError, UnicodeDecodeError, TableError) as error:
        log.warning("Cannot read the last session: %s", error)
    runs = sorted(folder for folder in takes_folder.glob("*") if folder.is_dir())
    if not runs:
        return None
    empty = KitRecord("New kit", (PadRecord(),) * PADS)
    return _with_newer_takes(LastSession(empty, (), closed=False), recover(runs[-1]))


def _pad_to_json(pad: PadRecord, file_for: Callable[[Take], Path | None]) -> JsonObject:
    takes: list[JsonObject] = []
    for take in pad.takes:
        path = file_for(take)
        takes.append({"id": take.id, "file": None if path is None else str(path)})
    current = None if pad.current is None else pad.takes[pad.current].id
    return settings_to_json(pad) | {"current": current, "takes": takes}


def _from_json(table: Table) -> LastSession:
    if table.text("format") != SESSION_FORMAT or table.whole("version") != SESSION_VERSION:
        raise TableError("it is not a session of this version")
    # What was made after the last write, or was still waiting for the disk, is in the run's folder.
    run = {item.take.id: item for item in recover(Path(table.text("run")))}
    stored: list[StoredTake] = []
    pads = tuple(_pad_from_json(pad, run, stored) for pad in table.tables("pads", "pad"))
    if len(pads) != PADS:
        raise TableError(f"it must hold {PADS} pads, got {len(pads)}")
    last = LastSession(
        KitRecord(table.text("name"), pads), tuple(stored), closed=table.truth("closed")
    )
    written = table.number("written")
    table.end()
    known = {item.take.id for item in stored}
    newer = [item for item in run.values() if item.take.created > written]
    return _with_newer_takes(last, tuple(item for item in newer if item.take.id not in known))


def _pad_from_json(table: Table, run: dict[str, StoredTake], stored: list[StoredTake]) -> PadRecord:
    """Return the pad and add the files of its takes to `stored`; takes that are gone are logged."""
    found: list[StoredTake] = []
    for item in table.tables("takes", "take"):
        take = run.get(item.text("id"))
        if take is None and item.has("file"):
            take = _read_or_log(Path(item.text("file")))
        if take is not None:
            found.append(take)
        item.has("file")
        item.end()
    stored += found
    takes = tuple(item.take for item in found)
    current = table.text("current") if table.has("current") else None
    index = next((i for i, take in enumerate(takes) if take.id == current), None)
    if index is None and takes:
        index = len(takes) - 1
    pad = settings_from_json(table, takes, index)
    table.end()
    return pad


def _read_or_log(wav: Path) -> StoredTake | None:
    try:
        return read_stored(wav.with_suffix(".json"))
    except (OSError, UnicodeDecodeError, TableError, ClipError) as error:
        log.warning("A take of the last session is missing: %s: %s", wav, error)
        return None


def _with_newer_takes(last: LastSession, newer: tuple[StoredTake, ...]) -> LastSession:
    """Put takes at the end of the pads they were made for; the newest is what an open pad plays."""
    pads = list(last.kit.pads)
    placed = []
    for item in newer:
        if item.pad is not None and 0 <= item.pad < PADS:
            pad = pads[item.pad]
            takes = (*pad.takes, item.take)
            current = pad.current if pad.locked else len(takes) - 1
            pads[item.pad] = replace(pad, takes=takes, current=current)
            placed.append(item)
    return replace(last, kit=replace(last.kit, pads=tuple(pads)), stored=(*last.stored, *placed))
