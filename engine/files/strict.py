"""Tables to dataclasses, strictly: an unknown, missing or ill-typed key is an error.

Tables are those of TOML and JSON files. Any thread; no torch. cattrs and msgspec do this too, but
their messages do not name the key as it stands in the file.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, TypeVar

from engine.api import EngineError
from engine.files.names import key_on_disk

Config = TypeVar("Config")


class ConfigError(EngineError):
    """A configuration that cannot be used; the text names the key."""


def from_table(config_class: type[Config], table: dict[str, Any], where: str) -> Config:
    """Build a dataclass from a table; `where` names the table in error texts.

    Keys are those that the fields have on disk (`engine.files.names`). Tables inside become
    dataclasses, lists become tuples. Raises ConfigError, also for what the dataclass
    itself refuses (ValueError or EngineError).
    """
    hints = typing.get_type_hints(config_class)
    fields = {
        key_on_disk(config_class, field.name): field
        for field in dataclasses.fields(config_class)  # type: ignore[arg-type]
    }
    unknown = sorted(set(table) - set(fields))
    if unknown:
        raise ConfigError(f"{where} has unknown keys: {', '.join(unknown)}.")
    missing = sorted(name for name in set(fields) - set(table) if _is_required(fields[name]))
    if missing:
        raise ConfigError(f"{where} lacks: {', '.join(missing)}.")
    values = {
        fields[key].name: convert_value(value, hints[fields[key].name], f"{where}.{key}")
        for key, value in table.items()
    }
    try:
        return config_class(**values)
    except (ValueError, EngineError) as error:
        raise ConfigError(f"{where}: {error}") from error


def convert_value(value: Any, hint: Any, where: str) -> Any:  # noqa: ANN401 - what a file holds
    """Return a value converted to its type hint; an int is accepted as a float.

    Raises ConfigError, which names the value by `where`.
    """
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, dict):
            raise ConfigError(f"{where} must be a table.")
        return from_table(hint, value, where)
    origin = typing.get_origin(hint)
    if origin is tuple and isinstance(value, list):
        item = typing.get_args(hint)[0]
        return tuple(convert_value(entry, item, where) for entry in value)
    if origin in (typing.Union, types.UnionType):
        return _convert_optional(value, typing.get_args(hint), where)
    if origin is typing.Literal:
        return _check_literal(value, typing.get_args(hint), where)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    wanted = origin or hint
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise ConfigError(f"{where} must be {wanted.__name__}, got {value!r}.")
    return value


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _convert_optional(value: Any, choices: tuple[Any, ...], where: str) -> Any:  # noqa: ANN401
    if value is None and type(None) in choices:
        return None
    (hint,) = (choice for choice in choices if choice is not type(None))
    return convert_value(value, hint, where)


def _check_literal(value: Any, choices: tuple[Any, ...], where: str) -> Any:  # noqa: ANN401
    if value not in choices:
        names = ", ".join(map(repr, choices))
        raise ConfigError(f"{where} must be one of {names}, got {value!r}.")
    return value
