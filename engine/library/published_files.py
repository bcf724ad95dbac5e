"""Finds a published model's files and reads its config. No torch.

A published folder holds model_config.json beside model.safetensors or model.ckpt, as
stable-audio-tools writes them; or the same two files named base_model.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.api import EngineError

STEMS = ("model", "base_model")
WEIGHTS_SUFFIXES = (".safetensors", ".ckpt")


@dataclass(frozen=True, slots=True)
class PublishedFiles:
    """The config of a published model and the weights that go with it."""

    config: Path
    weights: Path


def find_published(folder: Path) -> PublishedFiles | None:
    """Return the files of a published model; the weights may be missing. None if it is none."""
    for stem in STEMS:
        config = folder / f"{stem}_config.json"
        if config.is_file():
            weights = [folder / f"{stem}{suffix}" for suffix in WEIGHTS_SUFFIXES]
            there = [path for path in weights if path.is_file()]
            return PublishedFiles(config, (there or weights)[0])
    return None


def read_config(path: Path) -> dict[str, Any]:
    """Read a config's table; raises EngineError, which says what is wrong."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise EngineError(f"{path} cannot be read ({error}): install the model again.") from error
    if not isinstance(table, dict):
        raise EngineError(f"{path} is not a model's config: install the model again.")
    return table
