"""session.json: the state of the pads, for the next start. Any thread.

It only refers to the takes, which are in the takes folder. A crash between the two writes loses
nothing: takes that are missing in session.json are found in the run's folder.
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
    """The session of the last run, as read."""

    kit: KitRecord
    stored: tuple[StoredTake, ...]
    """The files of the kit's takes."""
    closed: bool
    """Whether it was closed properly."""


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """The contents of session.json."""

    kit: KitRecord
    run: Path
    """The folder of the run's takes."""
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
    """Return the session of the last run, or None if there was none. Never raises for its content.

    If session.json is damaged, the takes of the newest run's folder are used instead.
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
    # Takes made after the last write, or not yet saved at that time, are in the run's folder.
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
    """Return the pad and add its takes' files to `stored`; missing takes are logged."""
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
    """Append takes to the pads they were made for; the newest becomes an unlocked pad's current."""
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
