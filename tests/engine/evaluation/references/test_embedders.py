"""The one door to embedders: our own, LAION-CLAP from a folder, none, and clear refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from engine.api import EngineError
from engine.evaluation.references import embedders
from engine.evaluation.references.embedders import load_embedder
from engine.loading.embedder_folder import EmbedderCard, save_embedder
from engine.models.contrastive import ContrastiveConfig, ContrastiveModel

SIZES = ContrastiveConfig(dims=4, width=8, dilations=(1,), text_layers=1, heads=2)
WORDS = ("kick", "snare")
SOUNDS = 0.1 * torch.randn(3, 2, 9000, generator=torch.Generator().manual_seed(0))


def save(folder: Path) -> Path:
    card = EmbedderCard("tiny", "MIT", "nothing", 0, 7, 4, 0.5, 1.0, SIZES, WORDS)
    save_embedder(folder, ContrastiveModel(SIZES, WORDS), card)
    return folder


@pytest.mark.parametrize("inside", ["", "embedder"])
def test_the_own_one_is_loaded_from_its_folder_or_its_runs(tmp_path: Path, inside: str) -> None:
    save(tmp_path / inside)
    embedder = load_embedder(str(tmp_path))
    assert embedder is not None
    assert embedder.name == "tiny, 7 steps"
    assert embedder.scale == pytest.approx(14)
    assert embedder.audio(SOUNDS).shape == (3, 4)
    assert embedder.text(["kick", "a snare"]).shape == (2, 4)


def test_auto_finds_what_was_trained_and_is_none_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(embedders, "ROOT", tmp_path / "nowhere")
    assert load_embedder("auto") is None
    assert load_embedder("none") is None
    save(tmp_path / "runs" / "embedder" / "embedder")
    assert load_embedder("auto") is not None


def test_a_folder_without_an_embedder_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"holds no embedder: .* train one by: main.py train"):
        load_embedder(str(tmp_path))


@pytest.fixture(scope="module")
def clap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as transformers writes it, with random weights of few numbers."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("clap")
    letters = "abcdefghijklmnopqrstuvwxyz0123456789Ġ"
    tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *letters]
    text = {
        "vocab_size": len(tokens),
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "intermediate_size": 8,
        "max_position_embeddings": 64,
    }
    audio = {
        "hidden_size": 8,
        "depths": [1, 1],
        "num_attention_heads": [1, 1],
        "patch_embeds_hidden_size": 4,
        "num_hidden_layers": 2,
    }
    config = transformers.ClapConfig(text_config=text, audio_config=audio, projection_dim=6)
    torch.manual_seed(0)
    transformers.ClapModel(config).save_pretrained(folder)
    vocabulary = {token: place for place, token in enumerate(tokens)}
    tokenizer = transformers.RobertaTokenizer(vocab=vocabulary, merges=[])
    extractor = transformers.ClapFeatureExtractor(truncation="rand_trunc")
    transformers.ClapProcessor(extractor, tokenizer).save_pretrained(folder)
    assert json.loads((folder / "config.json").read_text())["model_type"] == "clap"
    return folder


def test_clap_is_loaded_from_a_folder(clap: Path) -> None:
    embedder = load_embedder(str(clap))
    assert embedder is not None
    assert embedder.name == f"LAION-CLAP {clap.name}"
    assert embedder.audio(SOUNDS).shape == (3, 6)
    torch.testing.assert_close(embedder.text(["kick", "snare"]).norm(dim=1), torch.ones(2))


def test_a_clap_that_is_broken_or_absent_is_refused_and_nothing_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "clap"}')
    with pytest.raises(EngineError, match="holds no CLAP that can be read"):
        load_embedder(str(tmp_path))
    monkeypatch.setattr(
        "engine.evaluation.references.laion_clap.REPOSITORIES", ("nobody/no-such-clap",)
    )
    with pytest.raises(EngineError, match="Pingpad downloads nothing"):
        load_embedder("clap")
