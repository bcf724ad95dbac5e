"""Names in files that differ from those in the code: one table, for reading and writing.

Nothing on disk is ever renamed: a model folder, a run or a preset of any version stays readable.
Weights need no table: modules keep the names that weights have. Any thread; no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import MappingProxyType
from typing import Any

_ON_DISK: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "DiffusionTransformerConfig": {
            "adaln": "modulated",
            "adaln_only": "adaptive",
            "qk_norm": "normed_heads",
            "registers": "memory_tokens",
            "local_cond_dim": "local_dims",
            "rms_norm": "root_mean_square",
            "fixed_fourier_times": "even_times",
        }
    }
)
"""By class, the fields that have another name on disk."""


def key_on_disk(config_class: type, field: str) -> str:
    """Return the key that a dataclass's field has in files."""
    return _ON_DISK.get(config_class.__name__, {}).get(field, field)


def with_keys_on_disk(config_class: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by field under their keys on disk, for `engine.files.strict`."""
    return {key_on_disk(config_class, field): value for field, value in values.items()}


def to_table(config: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    """Return a dataclass as the table of a file, nested dataclasses too."""
    return {
        key_on_disk(type(config), field.name): _as_value(getattr(config, field.name))
        for field in fields(config)
    }


def _as_value(value: Any) -> Any:  # noqa: ANN401 - what a dataclass holds
    return to_table(value) if is_dataclass(value) and not isinstance(value, type) else value
