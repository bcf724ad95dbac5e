"""Table: strict reading of a JSON object, key by key, with errors that name the key. Any thread."""

from __future__ import annotations

import json
import math
from typing import cast


class TableError(ValueError):
    """JSON that is not as expected; the text names the key."""


class Table:
    """One JSON object. Read every key, then call `end()`, which raises for unknown keys."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise TableError(f"{where} must be an object")
        self._values = cast("dict[str, object]", value)
        self._where = where
        self._read: set[str] = set()

    def has(self, key: str) -> bool:
        """Return whether the key exists and is not null."""
        self._read.add(key)
        return self._values.get(key) is not None

    def text(self, key: str) -> str:
        """Return a string."""
        value = self._value(key)
        if not isinstance(value, str):
            raise self._wrong(key, "a text")
        return value

    def number(self, key: str) -> float:
        """Return a finite number."""
        value = self._value(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(key, "a number")
        try:
            number = float(value)
        except OverflowError as error:
            raise self._wrong(key, "a number of sane size") from error
        if not math.isfinite(number):
            raise self._wrong(key, "a finite number")
        return number

    def whole(self, key: str) -> int:
        """Return a whole number."""
        value = self._value(key)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(key, "a whole number")
        return value

    def truth(self, key: str) -> bool:
        """Return true or false."""
        value = self._value(key)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false")
        return value

    def table(self, key: str) -> Table:
        """Return an object."""
        return Table(self._value(key), f"{self._where}, {key}")

    def tables(self, key: str, noun: str) -> tuple[Table, ...]:
        """Return a list of objects, named "noun 1", "noun 2" in errors."""
        value = self._value(key)
        if not isinstance(value, list):
            raise self._wrong(key, "a list")
        items = cast("list[object]", value)
        return tuple(
            Table(item, f"{self._where}, {noun} {n}") for n, item in enumerate(items, start=1)
        )

    def end(self) -> None:
        """Raise TableError for keys that were not read."""
        unknown = sorted(set(self._values) - self._read)
        if unknown:
            raise TableError(f"{self._where} holds the unknown key {unknown[0]}")

    def _value(self, key: str) -> object:
        self._read.add(key)
        if key not in self._values:
            raise TableError(f"{self._where} lacks {key}")
        return self._values[key]

    def _wrong(self, key: str, what: str) -> TableError:
        return TableError(f"{self._where}: {key} must be {what}")


def read_table(text: str, where: str) -> Table:
    """Return the JSON object of a text. Raises TableError, also for a text that was cut off."""
    try:
        return Table(json.loads(text), where)
    except (json.JSONDecodeError, RecursionError) as error:
        raise TableError(f"{where} is damaged or cut off") from error
