"""Tables to dataclasses, strictly: an unknown, missing or ill-typed key stops and is named.

Tables are what TOML and JSON files hold. Any thread; no torch. cattrs and msgspec do this too, but
stop at the first fault with a text of their own, where ours names the key as its author knows it.
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
    dataclasses, lists become tuples. What the dataclass itself refuses (ValueError or EngineError)
    is named too. Raises ConfigError.
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
        fields[key].name: typed_value(value, hints[fields[key].name], f"{where}.{key}")
        for key, value in table.items()
    }
    try:
        return config_class(**values)
    except (ValueError, EngineError) as error:
        raise ConfigError(f"{where}: {error}") from error


def typed_value(value: Any, hint: Any, where: str) -> Any:  # noqa: ANN401 - what a file holds
    """Return a value as its type hint wants it; a whole number serves as a float.

    Raises ConfigError, which calls the value `where`.
    """
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, dict):
            raise ConfigError(f"{where} must be a table.")
        return from_table(hint, value, where)
    origin = typing.get_origin(hint)
    if origin is tuple and isinstance(value, list):
        item = typing.get_args(hint)[0]
        return tuple(typed_value(entry, item, where) for entry in value)
    if origin in (typing.Union, types.UnionType):
        return _optional(value, typing.get_args(hint), where)
    if origin is typing.Literal:
        return _one_of(value, typing.get_args(hint), where)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    wanted = origin or hint
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise ConfigError(f"{where} must be {wanted.__name__}, got {value!r}.")
    return value


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _optional(value: Any, choices: tuple[Any, ...], where: str) -> Any:  # noqa: ANN401
    if value is None and type(None) in choices:
        return None
    (hint,) = (choice for choice in choices if choice is not type(None))
    return typed_value(value, hint, where)


def _one_of(value: Any, choices: tuple[Any, ...], where: str) -> Any:  # noqa: ANN401
    if value not in choices:
        names = ", ".join(map(repr, choices))
        raise ConfigError(f"{where} must be one of {names}, got {value!r}.")
    return value
