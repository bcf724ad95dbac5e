"""A LoRA as a model of its own: a folder that names its base and its strength. No torch.

The folder holds adapter.toml beside adapter.safetensors; the base is another model's folder, by a
name beside this one or by a path.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from engine.api import EngineError
from engine.files.strict import ConfigError, from_table
from engine.files.toml import read_toml, write_toml

ADAPTER_FILE = "adapter.toml"
ADAPTER_WEIGHTS = "adapter.safetensors"
LEAST_STRENGTH, MOST_STRENGTH = -4.0, 4.0
"""Beyond these a LoRA only makes noise; a negative strength subtracts what it learnt."""


@dataclass(frozen=True, slots=True)
class AdapterFiles:
    """The base model of a LoRA, the LoRA's weights and its strength; 0 is off."""

    base: Path
    weights: Path
    strength: float = 1.0

    def __post_init__(self) -> None:
        """Refuse strengths out of range."""
        if not LEAST_STRENGTH <= self.strength <= MOST_STRENGTH:
            raise EngineError(
                f"The strength of a LoRA must be {LEAST_STRENGTH:g}..{MOST_STRENGTH:g}, "
                f"got {self.strength}."
            )


@dataclass(frozen=True, slots=True)
class _Table:
    """What adapter.toml holds."""

    base: str
    strength: float

    def __post_init__(self) -> None:
        if not self.base:
            raise ValueError("base must not be empty")


def has_adapter(folder: Path) -> bool:
    """Say whether a folder is a LoRA's."""
    return (folder / ADAPTER_FILE).is_file()


def read_adapter_file(folder: Path) -> AdapterFiles:
    """Read a LoRA's folder; raises EngineError, which says what to do."""
    path = folder / ADAPTER_FILE
    try:
        table = from_table(_Table, read_toml(path), str(path))
    except ConfigError as error:
        raise EngineError(f"{str(error).rstrip('.')}: add the LoRA again.") from error
    place = folder.resolve().parent / table.base
    if not place.is_dir() or has_adapter(place):
        raise EngineError(
            f"The LoRA in {folder} changes the model {table.base}, which is not on this computer: "
            "add that model too."
        )
    return AdapterFiles(place, folder / ADAPTER_WEIGHTS, table.strength)


def write_adapter_file(folder: Path, base: str, strength: float) -> None:
    """Write what `read_adapter_file` reads."""
    AdapterFiles(folder.parent / base, folder / ADAPTER_WEIGHTS, strength)
    write_toml(folder / ADAPTER_FILE, asdict(_Table(base, float(strength))))
