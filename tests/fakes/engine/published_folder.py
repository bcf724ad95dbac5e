"""Published model folders for tests: the recorded small one, whole or spoilt."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

PARITY = Path(__file__).parents[2] / "data" / "parity"
PARITY_3 = Path(__file__).parents[2] / "data" / "parity-3"
PUBLISHED = Path(__file__).parents[2] / "data" / "stable-audio-open-small"
CONFIG, WEIGHTS, TEXT_ENCODER = "model_config.json", "model.safetensors", "t5"
TEXT_ENCODER_FILES = ("config.json", "model.safetensors", "tokenizer.json")


def write_published(folder: Path, text_encoder: str | None = TEXT_ENCODER) -> Path:
    """Copy the small published model; `text_encoder` names the folder of its T5."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (CONFIG, WEIGHTS):
        shutil.copyfile(PARITY / name, folder / name)
    if text_encoder is not None:
        write_text_encoder(folder / text_encoder)
    return folder


def write_text_encoder(folder: Path) -> Path:
    """Copy the small T5."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in TEXT_ENCODER_FILES:
        shutil.copyfile(PARITY / TEXT_ENCODER / name, folder / name)
    return folder


def change_config(path: Path, change: Callable[[Any], object]) -> None:
    """Change a JSON file."""
    table = json.loads(path.read_text(encoding="utf-8"))
    change(table)
    path.write_text(json.dumps(table), encoding="utf-8")


def change_weights(path: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    """Change a safetensors file."""
    weights = load_file(path)
    change(weights)
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, path)
