"""A run's checkpoint file: writing, reading, vocabulary and EMA weights. Needs torch."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.files.atomic import replace_file
from engine.training.run.errors import RunError
from engine.training.run.optimizer import EMA_KEY

CHECKPOINT = "checkpoint.pt"
OPTIMIZER_KEY = "optimising"
"""Key of the trained network's OptimizerState in a checkpoint."""
VOCABULARY_KEY = "vocabulary"


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint; the previous one survives a crash or a full disk."""
    try:
        with replace_file(path, sync=True) as temporary, temporary.open("wb") as file:
            torch.save(state, file)
    except (OSError, RuntimeError) as error:
        raise RunError(
            f"The checkpoint could not be written ({error}): make room in {path.parent}; "
            "the previous one is kept."
        ) from error


def read_checkpoint(folder: Path, name: str = CHECKPOINT) -> dict[str, Any]:
    """Read a run's checkpoint; raises RunError where there is none or it is broken."""
    path = folder / name
    if not path.exists():
        raise RunError(f"{folder} holds no checkpoint: train it first.")
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError) as error:
        raise RunError(f"{path} could not be read ({error}).") from error
    return state


def vocabulary_of(checkpoint: dict[str, Any], folder: Path) -> tuple[str, ...]:
    """Return the words that a run's network knows; raises RunError where there are none."""
    if VOCABULARY_KEY not in checkpoint:
        raise RunError(f"The checkpoint in {folder} lacks its vocabulary: is it of a flow run?")
    return tuple(checkpoint[VOCABULARY_KEY])


def ema_weights(checkpoint: dict[str, Any]) -> dict[str, Tensor]:
    """Return the moving average of the trained network's weights, by name."""
    weights: dict[str, Tensor] = checkpoint[OPTIMIZER_KEY][EMA_KEY]
    return weights
