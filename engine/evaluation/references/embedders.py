"""Embedders, which map sounds and prompts to vectors, and the loader of them. Needs torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from engine.api import EngineError
from engine.files.paths import ROOT
from engine.loading.embedder_folder import CARD, load_embedder_folder
from engine.models.contrastive import ContrastiveModel

CLAP = "clap"
OWN_FOLDERS = (Path("assets/embedder"), Path("runs/embedder/embedder"))
"""Where our own embedder is looked up: as shipped, then the output of the preset's run."""
HOW_TO_TRAIN = (
    "train one by: main.py train presets/training/embedder.toml --run runs/embedder"
)  # fmt: skip


class Embedder(Protocol):
    """Maps sounds and prompts into one space; `scale` multiplies cosines before a softmax."""

    @property
    def name(self) -> str:
        """The name to print beside every figure measured with it."""

    @property
    def scale(self) -> float:
        """The learnt inverse temperature."""

    def audio(self, sounds: Tensor) -> Tensor:
        """Embed stereo sounds (B, 2, T) at 44.1 kHz: (B, D) float32 on the CPU."""

    def text(self, prompts: Sequence[str]) -> Tensor:
        """Embed prompts: (B, D) float32 on the CPU."""


class OwnEmbedder:
    """The contrastive model that this repository trains."""

    def __init__(self, model: ContrastiveModel, name: str) -> None:
        self._model = model
        self.name = name
        self.scale = float(model.scale)

    @torch.inference_mode()
    def audio(self, sounds: Tensor) -> Tensor:
        """See Embedder."""
        return self._model.embed_audio(sounds.to(self._model.log_scale.device)).cpu()

    @torch.inference_mode()
    def text(self, prompts: Sequence[str]) -> Tensor:
        """See Embedder."""
        return self._model.embed_text(prompts).cpu()


def load_embedder(wanted: str = "auto", device: str = "cpu") -> Embedder | None:
    """Load an embedder; None for "none", and for "auto" where there is none.

    `wanted` is "auto" (our own one, if it was trained), "none", "clap" (LAION-CLAP from the
    cache of transformers, never downloaded), or a folder: an embedder's, its run's, or one with
    LAION-CLAP's files. Raises EngineError.
    """
    if wanted == "none":
        return None
    if wanted == "auto":
        folders = [path for own in OWN_FOLDERS for path in (own, ROOT / own)]
        found = next((folder for folder in folders if (folder / CARD).is_file()), None)
        return None if found is None else _own(found, device)
    if wanted == CLAP:
        return _clap(None, device)
    folder = Path(wanted)
    for own in (folder, folder / "embedder"):
        if (own / CARD).is_file():
            return _own(own, device)
    if (folder / "config.json").is_file():
        return _clap(folder, device)
    raise EngineError(f"{wanted} holds no embedder: name another folder, or {HOW_TO_TRAIN}.")


def _own(folder: Path, device: str) -> Embedder:
    model, card = load_embedder_folder(folder)
    return OwnEmbedder(model.to(device), f"{card.name}, {card.steps} steps")


def _clap(folder: Path | None, device: str) -> Embedder:
    from engine.evaluation.references.laion_clap import load_clap

    return load_clap(folder, device)
