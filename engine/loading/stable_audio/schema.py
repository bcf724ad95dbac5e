"""Rules for the tables of published configs, and strict reading by them. No torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.files.strict import ConfigError


@dataclass(frozen=True, slots=True)
class Rules:
    """What a table may hold: keys that are read, keys of one known value, keys of no effect."""

    read: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    must: Mapping[str, object] = field(default_factory=dict)
    may: Mapping[str, object] = field(default_factory=dict)
    harmless: tuple[str, ...] = ()


MODEL = Rules(read=("pretransform", "conditioning", "diffusion", "io_channels"))
PRETRANSFORM = Rules(
    read=("config",),
    must={"type": "autoencoder"},
    may={"scale": 1.0},
    # Decoding here is exact in single precision, in windows of any size.
    harmless=("iterate_batch", "model_half", "chunked", "enable_grad", "requires_grad"),
)
CONDITIONING = "model.conditioning"
_CONDITIONING = Rules(
    read=("configs", "cond_dim"), may={"default_keys": {}, "pre_encoded_keys": []}
)
_CONDITIONER = Rules(read=("id", "type", "config"))


def read_conditioners(table: object, width: int) -> list[dict[str, Any]]:
    """Return the entries of the table CONDITIONING: id, type and config of each conditioner.

    `width` is the cond_token_dim of the transformer.
    """
    conditioning = read_table(table, CONDITIONING, _CONDITIONING)
    must_be(conditioning["cond_dim"], width, f"{CONDITIONING}.cond_dim")
    configs = conditioning["configs"]
    if not isinstance(configs, list):
        raise ConfigError(f"{CONDITIONING}.configs must be a list.")
    return [read_table(entry, f"{CONDITIONING}.configs", _CONDITIONER) for entry in configs]


def read_table(table: object, where: str, rules: Rules) -> dict[str, Any]:
    """Check all keys of a table, and return those that are read."""
    if not isinstance(table, dict):
        raise ConfigError(f"{where} must be a table, got {table!r}.")
    for name in sorted({*rules.read, *rules.must} - set(table)):
        raise ConfigError(f"{where} lacks: {name}.")
    known = {*rules.read, *rules.optional, *rules.must, *rules.may, *rules.harmless}
    for name in sorted(set(table) - known):
        raise ConfigError(f"{where}.{name} is not known here and may change the sound.")
    for name, wanted in {**rules.must, **rules.may}.items():
        if name in table:
            must_be(table[name], wanted, f"{where}.{name}")
    return {name: table[name] for name in (*rules.read, *rules.optional) if name in table}


def must_be(value: object, wanted: object, where: str) -> None:
    """Raise ConfigError unless a value is as wanted."""
    if not is_same(value, wanted):
        raise ConfigError(f"{where} must be {wanted!r}, got {value!r}.")


def must_be_one_of(value: object, known: Collection[str], where: str) -> None:
    """Raise ConfigError unless a value is one of the known names."""
    if not isinstance(value, str) or value not in known:
        raise ConfigError(f"{where} must be one of {', '.join(known)}, got {value!r}.")


def is_same(value: object, wanted: object) -> bool:
    """Say whether both are equal, and neither is a bool standing in for a number."""
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)
