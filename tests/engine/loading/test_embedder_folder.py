"""An embedder on disk: written, read back equal, refused with a sentence when it is not right."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.api import EngineError
from engine.loading.embedder_folder import (
    CARD,
    WEIGHTS,
    EmbedderCard,
    load_embedder_folder,
    save_embedder,
)
from engine.models.contrastive import ContrastiveConfig, ContrastiveModel

SIZES = ContrastiveConfig(dims=4, width=8, dilations=(1,), text_layers=1, heads=2)
CARD_VALUES = EmbedderCard(
    "tiny", "MIT", 'what it "heard"', 3, 10, 16, 0.25, 1.0, SIZES, ("a#", "kick")
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_embedder(tmp_path / "e", ContrastiveModel(SIZES, CARD_VALUES.vocabulary), CARD_VALUES)
    return tmp_path / "e"


def test_what_is_written_is_read_back(folder: Path) -> None:
    torch.manual_seed(0)
    saved = ContrastiveModel(SIZES, CARD_VALUES.vocabulary).requires_grad_(False)
    model, card = load_embedder_folder(folder)
    assert card == CARD_VALUES
    assert torch.equal(model.embed_text(["kick A4"]), saved.embed_text(["kick A4"]))


def test_a_folder_without_a_card_or_with_unknown_keys_is_refused(folder: Path) -> None:
    (folder / CARD).write_text((folder / CARD).read_text() + "colour = 3\n")
    with pytest.raises(EngineError, match="unknown keys: colour"):
        load_embedder_folder(folder)
    (folder / CARD).unlink()
    with pytest.raises(EngineError, match="There is no file"):
        load_embedder_folder(folder)


def test_weights_that_are_cut_off_missing_or_of_other_sizes_are_refused(folder: Path) -> None:
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[:100])
    with pytest.raises(EngineError, match="damaged"):
        load_embedder_folder(folder)
    (folder / WEIGHTS).unlink()
    with pytest.raises(EngineError, match="train it again"):
        load_embedder_folder(folder)
    (folder / WEIGHTS).write_bytes(whole)
    (folder / CARD).write_text((folder / CARD).read_text().replace("width = 8", "width = 16"))
    with pytest.raises(EngineError, match="does not fit"):
        load_embedder_folder(folder)


def test_weights_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    model = ContrastiveModel(SIZES, CARD_VALUES.vocabulary)
    torch.nn.init.constant_(model.log_scale, float("nan"))
    save_embedder(tmp_path, model, CARD_VALUES)
    with pytest.raises(EngineError, match="not numbers"):
        load_embedder_folder(tmp_path)
