"""Our own embedding model on disk: embedder.toml (what it is) and its weights. Needs torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from engine.api import EngineError
from engine.files.strict import ConfigError, from_table
from engine.files.toml import read_toml, write_toml
from engine.models.contrastive import ContrastiveConfig, ContrastiveModel

CARD = "embedder.toml"
WEIGHTS = "embedder.safetensors"


@dataclass(frozen=True, slots=True)
class EmbedderCard:
    """What an embedder is, what it was trained on and how well it retrieves captions.

    `found_first` and `found_in_five` (0..1) are recall at 1 and at 5: how often the caption of a
    held-out sound was ranked first, or among the first five, of `candidates` captions.
    """

    name: str
    licence: str
    trained_on: str
    seed: int
    steps: int
    candidates: int
    found_first: float
    found_in_five: float
    sizes: ContrastiveConfig
    vocabulary: tuple[str, ...]


def save_embedder(folder: Path, model: ContrastiveModel, card: EmbedderCard) -> None:
    """Write a folder that `load_embedder_folder` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.contiguous().cpu() for name, tensor in model.state_dict().items()}
    save_file(tensors, folder / WEIGHTS)
    write_toml(folder / CARD, asdict(card))


def load_embedder_folder(folder: Path) -> tuple[ContrastiveModel, EmbedderCard]:
    """Load strictly, on the CPU; raises EngineError, which says what to do."""
    try:
        card = from_table(EmbedderCard, read_toml(folder / CARD), CARD)
    except ConfigError as error:
        raise EngineError(f"The embedder in {folder} cannot be used: {error}") from error
    model = ContrastiveModel(card.sizes, card.vocabulary)
    try:
        model.load_state_dict(load_file(folder / WEIGHTS))
    except (SafetensorError, OSError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise EngineError(
            f"{folder / WEIGHTS} does not fit or is damaged ({reason}): train it again."
        ) from error
    if not all(torch.isfinite(tensor).all() for tensor in model.state_dict().values()):
        raise EngineError(f"{folder / WEIGHTS} holds values that are not numbers: train it again.")
    return model.eval().requires_grad_(False), card
