"""TOML files, read with readable errors and written atomically. Any thread; no torch."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from engine.files.atomic import write_text
from engine.files.strict import ConfigError


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; raises ConfigError when that fails."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"There is no file {path}.") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} could not be read ({error}).") from error


def write_toml(path: Path, table: Mapping[str, Any]) -> None:
    """Write a table as `as_toml` does; the old file stays until the new one is whole.

    Raises OSError.
    """
    write_text(path, as_toml(table))


def as_toml(table: Mapping[str, Any]) -> str:
    """Return a table of values, lists and tables as TOML; what is None is left out."""
    return tomli_w.dumps(_without_none(table))


def is_same_toml(path: Path, text: str) -> bool:
    """Return whether a file holds the values of a TOML text, but for comments and spaces."""
    try:
        return read_toml(path) == tomllib.loads(text)
    except (ConfigError, tomllib.TOMLDecodeError):
        return False


def _without_none(table: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_none(value) if isinstance(value, Mapping) else value
        for key, value in table.items()
        if value is not None
    }
