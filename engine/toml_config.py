"""TOML tables to config dataclasses, strictly: an unknown or ill-typed key stops and is named."""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
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
