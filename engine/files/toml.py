"""TOML tables to config dataclasses, strictly: an unknown or ill-typed key stops and is named."""

from __future__ import annotations

import dataclasses
import json
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from engine.api import EngineError

Config = TypeVar("Config")


class ConfigError(EngineError):
    """A configuration that cannot be used; the text names the key."""


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; raises ConfigError with a sentence when it cannot be."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"There is no file {path}.") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} could not be read ({error}).") from error


def as_toml(table: Mapping[str, Any]) -> str:
    """Write a table of values, lists of values and tables; what is None is left out."""
    return "\n".join(_lines(table, "")) + "\n"


def _lines(table: Mapping[str, Any], inside: str) -> list[str]:
    kept = {key: value for key, value in table.items() if value is not None}
    tables = {key: value for key, value in kept.items() if isinstance(value, Mapping)}
    lines = [f"{key} = {_literal(kept[key])}" for key in kept if key not in tables]
    for key, value in tables.items():
        lines += ["", f"[{inside}{key}]", *_lines(value, f"{inside}{key}.")]
    return lines


def _literal(value: str | float | list[Any] | tuple[Any, ...]) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_literal(entry) for entry in value) + "]"
    # JSON's texts, numbers and truths are TOML's as well, but for DEL, which JSON leaves as it is.
    return json.dumps(value, allow_nan=False).replace("\x7f", "\\u007f")


def from_table(config_class: type[Config], table: dict[str, Any], where: str) -> Config:
    """Build a config dataclass from a table; `where` names the table in error texts."""
    hints = typing.get_type_hints(config_class)
    fields = {field.name: field for field in dataclasses.fields(config_class)}  # type: ignore[arg-type]
    unknown = sorted(set(table) - set(fields))
    if unknown:
        raise ConfigError(f"{where} has unknown keys: {', '.join(unknown)}.")
    required = [
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    missing = sorted(set(required) - set(table))
    if missing:
        raise ConfigError(f"{where} lacks: {', '.join(missing)}.")
    values = {key: _typed(value, hints[key], f"{where}.{key}") for key, value in table.items()}
    try:
        return config_class(**values)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error


def _typed(value: Any, hint: Any, where: str) -> Any:  # noqa: ANN401 - what TOML holds
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, dict):
            raise ConfigError(f"{where} must be a table.")
        return from_table(hint, value, where)
    origin = typing.get_origin(hint)
    if origin is tuple and isinstance(value, list):
        item = typing.get_args(hint)[0]
        return tuple(_typed(entry, item, where) for entry in value)
    if origin in (typing.Union, types.UnionType):
        choices = [choice for choice in typing.get_args(hint) if choice is not type(None)]
        return _typed(value, choices[0], where)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    wanted = origin or hint
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise ConfigError(f"{where} must be {wanted.__name__}, got {value!r}.")
    return value
