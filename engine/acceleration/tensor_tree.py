"""Finds and replaces tensors in nested dataclasses, tuples and lists. Needs torch.

torch.utils._pytree does this for registered classes; it is private, and ours are plain dataclasses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import TypeVar, cast

from torch import Tensor

Value = TypeVar("Value")


def list_tensors(value: object) -> list[Tensor]:
    """Return all tensors in a value, in the order of its fields."""
    if isinstance(value, Tensor):
        return [value]
    return [tensor for part in _parts(value) for tensor in list_tensors(part)]


def replace_tensors(value: Value, tensors: Iterator[Tensor]) -> Value:
    """Return a copy of the value with other tensors, in the same order."""
    if isinstance(value, Tensor):
        return cast(Value, next(tensors))
    if isinstance(value, tuple | list):
        return cast(Value, type(value)(replace_tensors(part, tensors) for part in value))
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value)]
        new = {name: replace_tensors(getattr(value, name), tensors) for name in names}
        return cast(Value, replace(value, **new))
    return value


def _parts(value: object) -> Sequence[object]:
    if isinstance(value, tuple | list):
        return value
    if is_dataclass(value):
        return [getattr(value, field.name) for field in fields(value)]
    return ()
