"""The T5 of a published model: where it is looked for, and what of it is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from engine.api import EngineError
from engine.loading.stable_audio.text_encoder import find_text_encoder, load_text_encoder
from engine.models.prompt_t5 import PromptConfig, PromptEncoder
from tests.fakes.engine.published_folder import change_config, change_weights, write_text_encoder

CONFIG = PromptConfig("t5-small", 16)
WIDTH = 512
SHARED = "shared.weight"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_text_encoder(tmp_path / "t5 ä")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache in place of the one this computer has."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def load(folder: Path) -> PromptEncoder:
    return load_text_encoder(folder, CONFIG, WIDTH)


def encoded(folder: Path) -> Tensor:
    encoder = load(folder)
    read: Tensor = encoder(*encoder.tokenize(["a car"]))
    return read


def refusal(folder: Path, width: int = WIDTH) -> str:
    with pytest.raises(EngineError) as caught:
        load_text_encoder(folder, CONFIG, width)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message
    return message


# --- where it is ---


@pytest.mark.parametrize("place", ["model/t5-base", "model/t5", "t5-base"])
def test_it_is_found_in_the_model_s_folder_and_beside_it(tmp_path: Path, place: str) -> None:
    (tmp_path / "model").mkdir()
    wanted = write_text_encoder(tmp_path / place)
    assert find_text_encoder(tmp_path / "model", PromptConfig("t5-base")) == wanted
    assert find_text_encoder(tmp_path / "model", PromptConfig("google/t5-base")) == wanted


@pytest.mark.parametrize("owner", ["", "google-t5--"])
def test_it_is_found_in_hugging_face_s_cache(tmp_path: Path, cache: Path, owner: str) -> None:
    repository = cache / f"models--{owner}t5-base"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc", encoding="utf-8")
    wanted = write_text_encoder(repository / "snapshots" / "abc")
    assert find_text_encoder(tmp_path, PromptConfig("t5-base")) == wanted


@pytest.mark.parametrize("name", ["t5-base", "../..", "..", "", "a/b/c", "no such", "~x"])
def test_what_is_missing_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(EngineError, match="needs the text encoder"):
        find_text_encoder(tmp_path, PromptConfig(name))


# --- what it may hold ---


@torch.inference_mode()
def test_a_whole_t5_is_read_without_its_decoder(folder: Path) -> None:
    wanted = encoded(folder)

    def grow(weights: dict[str, Tensor]) -> None:
        weights["decoder.block.0.layer.0.SelfAttention.q.weight"] = torch.zeros(4, 4)
        weights["lm_head.weight"] = torch.zeros(4, 4)
        weights["encoder.embed_tokens.weight"] = weights[SHARED].clone()

    change_weights(folder / "model.safetensors", grow)
    assert torch.equal(encoded(folder), wanted)
    change_weights(folder / "model.safetensors", lambda w: w.pop(SHARED))
    assert torch.equal(encoded(folder), wanted)


@torch.inference_mode()
def test_a_torch_file_serves_as_well(folder: Path) -> None:
    wanted = encoded(folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    assert torch.equal(encoded(folder), wanted)


@pytest.mark.parametrize("key", ["relative_attention_max_distance", "feed_forward_proj"])
def test_an_older_config_means_the_same(folder: Path, key: str) -> None:
    change_config(folder / "config.json", lambda table: table.pop(key))
    load(folder)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("feed_forward_proj", "gated-gelu", "feed_forward_proj must be 'relu'"),
        ("model_type", "umt5", "model_type must be 't5', got 'umt5'"),
        ("is_gated_act", True, "is_gated_act must be False"),
        ("layer_norm_epsilon", 1e-5, "layer_norm_epsilon must be 1e-06, got 1e-05"),
        ("num_layers", 0, "num_layers must be at least 1, got 0"),
        ("num_layers", "2", "num_layers must be int, got '2'"),
        ("num_layers", 10**9, "num_layers must be at most 256"),
        ("d_ff", 10**13, "too large for this computer's memory"),
        ("d_ff", 10**30, "too large for this computer's memory"),
        ("num_layers", 3, "lacks tensors: encoder.block.2"),
        ("num_layers", 1, "has unknown tensors: encoder.block.1"),
        ("d_ff", 32, "must have shape (32, 512), got (64, 512)"),
        ("vocab_size", 100, "shared.weight must have shape (100, 512), got (160, 512)"),
        ("d_model", 256, "its width must be 512, got 256"),
    ],
)
def test_another_network_is_refused(folder: Path, key: str, value: object, said: str) -> None:
    change_config(folder / "config.json", lambda table: table.update({key: value}))
    assert said in refusal(folder)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "config.json").unlink(), "config.json cannot be read"),
        (lambda folder: (folder / "config.json").write_text("<html>"), "config.json cannot be"),
        (lambda folder: (folder / "config.json").write_text("{}"), "config.json lacks: vocab_size"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "has no tokenizer.json"),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), "tokenizer.json cannot be"),
        (lambda folder: (folder / "model.safetensors").unlink(), "has no model.safetensors"),
        (lambda folder: (folder / "model.safetensors").write_text("<html>"), "is damaged"),
    ],
)
def test_a_damaged_folder_is_refused(
    folder: Path, spoil: Callable[[Path], object], said: str
) -> None:
    spoil(folder)
    assert said in refusal(folder)


def test_weights_that_are_not_numbers_are_refused(folder: Path) -> None:
    change_weights(folder / "model.safetensors", lambda w: w[SHARED].fill_(float("nan")))
    assert "shared.weight holds values that are not numbers" in refusal(folder)


def test_a_tokenizer_without_an_end_mark_is_not_t5_s(folder: Path) -> None:
    change_config(folder / "tokenizer.json", lambda table: table.update(post_processor=None))
    assert "sets no end mark" in refusal(folder)


def test_a_tokenizer_of_more_tokens_is_another_s(folder: Path) -> None:
    change_config(
        folder / "tokenizer.json",
        lambda table: table["model"]["vocab"].extend([[f"new{i}", -9.0] for i in range(100)]),
    )
    assert "is another text encoder's" in refusal(folder)


def test_a_prompt_is_cut_to_the_model_s_length_with_the_end_mark_kept(folder: Path) -> None:
    encoder = load(folder)
    ids = encoder.tokens(["kick " * 100, "kick"])
    assert [len(row) for row in ids] == [16, len(ids[1])]
    assert ids[0][-1] == ids[1][-1] == 1


@pytest.mark.parametrize("length", [0, 1, 513])
def test_a_length_that_t5_cannot_read_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="max_length must be"):
        PromptConfig("t5-base", length)
