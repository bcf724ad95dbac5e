"""JSON of takes and pads, shared by kits, the takes folder and the session. Any thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields

from app.audio.mixer.pad_parameters import DEFAULT_PARAMETERS, PadParameters
from app.model.kit import PadRecord
from app.model.storage.json_table import Table, TableError
from app.model.takes import TAKE_KINDS, Take
from engine.api import Recipe, RecipeError
from engine.clip import Clip

JsonObject = dict[str, object]


def take_to_json(take: Take, file: str) -> JsonObject:
    """Return a take as JSON; its samples are in `file`."""
    return {
        "id": take.id,
        "file": file,
        "kind": take.kind,
        "name": take.name,
        "created": take.created,
        "whole_ms": take.whole_ms,
        "recipe": None if take.recipe is None else asdict(take.recipe),
    }


def take_from_json(table: Table, read: Callable[[str], Clip]) -> Take:
    """Return the take; `read` reads the clip of a file name. Raises TableError and `read`'s errors.

    The caller has to call `end()`: the table may hold further keys.
    """
    kind = table.text("kind")
    if kind not in TAKE_KINDS:
        raise TableError(f"kind must be one of {', '.join(TAKE_KINDS)}, got {kind}")
    take_id = table.text("id")
    if not (take_id.isascii() and take_id.isalnum()):
        raise TableError(f"id must be letters and digits, got {take_id!r}")
    return Take(
        id=take_id,
        clip=read(table.text("file")),
        kind=kind,
        recipe=_recipe(table.table("recipe")) if table.has("recipe") else None,
        created=table.number("created"),
        whole_ms=table.number("whole_ms") if table.has("whole_ms") else None,
        name=table.text("name"),
    )


def settings_to_json(pad: PadRecord) -> JsonObject:
    """Return a pad's settings, without its takes."""
    return {"name": pad.name, "locked": pad.locked} | asdict(pad.parameters)


def settings_from_json(table: Table, takes: tuple[Take, ...], current: int | None) -> PadRecord:
    """Return the pad with these takes. Raises TableError. The caller has to call `end()`."""
    if len({take.id for take in takes}) != len(takes):
        raise TableError("two takes have one id")
    try:
        return PadRecord(
            name=table.text("name"),
            parameters=_read_parameters(table),
            locked=table.truth("locked"),
            takes=takes,
            current=current,
        )
    except TableError:
        raise
    except ValueError as error:
        raise TableError(str(error)) from error


def _read_parameters(table: Table) -> PadParameters:
    """Return the pad's parameters; those that an older kit lacks have their defaults."""
    readers: dict[type, Callable[[str], object]] = {
        str: table.text,
        bool: table.truth,
        int: table.whole,
        float: table.number,
    }
    found = {
        field.name: readers[type(getattr(DEFAULT_PARAMETERS, field.name))](field.name)
        for field in fields(PadParameters)
        if table.has(field.name)
    }
    return PadParameters(**found)  # type: ignore[arg-type]


def _recipe(table: Table) -> Recipe:
    try:
        recipe = Recipe(
            prompt=table.text("prompt"),
            seconds=table.number("seconds"),
            steps=table.whole("steps"),
            seed=table.whole("seed") if table.has("seed") else None,
            strength=table.number("strength") if table.has("strength") else None,
            source=table.text("source") if table.has("source") else None,
            model=table.text("model"),
            remake_from=table.number("remake_from") if table.has("remake_from") else None,
            remake_to=table.number("remake_to") if table.has("remake_to") else None,
            avoid=table.text("avoid") if table.has("avoid") else "",
        )
    except RecipeError as error:
        raise TableError(str(error)) from error
    table.end()
    return recipe
