"""A LoRA as a model of its own: a folder naming its base and its strength. Light half: no torch.

The folder holds adapter.toml beside adapter.safetensors; the base is another model's folder, by a
name beside this one or by a path.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path

from engine.api import EngineError

ADAPTER_FILE = "adapter.toml"
ADAPTER_WEIGHTS = "adapter.safetensors"
LEAST_STRENGTH, MOST_STRENGTH = -4.0, 4.0
"""Beyond these a low-rank change only makes noise; below 0 it leads away from what it learnt."""


@dataclass(frozen=True, slots=True)
class AdapterFiles:
    """The model that a LoRA changes, the LoRA's file, and how strongly it changes it; 0 is off."""

    base: Path
    weights: Path
    strength: float = 1.0

    def __post_init__(self) -> None:
        """Refuse strengths that no sound comes of."""
        if not LEAST_STRENGTH <= self.strength <= MOST_STRENGTH:
            raise EngineError(
                f"The strength of a LoRA must be {LEAST_STRENGTH:g}..{MOST_STRENGTH:g}, "
                f"got {self.strength}."
            )


def has_adapter(folder: Path) -> bool:
    """Say whether a folder is a LoRA's."""
    return (folder / ADAPTER_FILE).is_file()


def read_adapter_file(folder: Path) -> AdapterFiles:
    """Read which model a LoRA's folder changes; raises EngineError with what to do."""
    path = folder / ADAPTER_FILE
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise EngineError(f"{path} cannot be read ({error}): add the LoRA again.") from error
    base, strength = table.get("base"), table.get("strength")
    if set(table) != {"base", "strength"} or not isinstance(base, str) or not base:
        raise EngineError(f"{path} must hold base and strength, and no more: add the LoRA again.")
    if isinstance(strength, bool) or not isinstance(strength, int | float):
        raise EngineError(f"{path}: strength must be a number, got {strength!r}.")
    place = folder.resolve().parent / base
    if not place.is_dir() or has_adapter(place):
        raise EngineError(
            f"The LoRA in {folder} changes the model {base}, which is not on this computer: "
            "add that model too."
        )
    return AdapterFiles(place, folder / ADAPTER_WEIGHTS, float(strength))


def write_adapter_file(folder: Path, base: str, strength: float) -> None:
    """Write what `read_adapter_file` reads."""
    if not math.isfinite(strength):
        raise EngineError(f"The strength of a LoRA must be a number, got {strength}.")
    AdapterFiles(folder.parent / base, folder / ADAPTER_WEIGHTS, strength)
    quoted = base.replace("\\", "\\\\").replace('"', '\\"')
    text = f'base = "{quoted}"\nstrength = {float(strength)}\n'
    # The other file is there until this one is whole.
    unfinished = folder / f"{ADAPTER_FILE}.unfinished"
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(folder / ADAPTER_FILE)
