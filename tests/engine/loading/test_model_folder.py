"""Model folders that load, and those that must not: each refusal names what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.api import EngineError
from engine.loading.model_folder import CONFIG, WEIGHTS, ModelConfig, load_model
from engine.sampling.config import SamplingConfig
from tests.fakes.engine.tiny_model import (
    CARD,
    CODEC,
    CONDITIONER,
    TRANSFORMER,
    tiny_model,
    write_tiny_model,
)

GAMMA = "transformer.transformer.layers.0.pre_norm.gamma"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "tiny model ä")


def refusal(folder: Path) -> str:
    with pytest.raises(EngineError) as caught:
        load_model(folder)
    return str(caught.value)


def change_weights(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    weights = load_file(folder / WEIGHTS)
    change(weights)
    save_file(weights, folder / WEIGHTS)


def test_a_written_model_is_read_back_whole(folder: Path) -> None:
    model, card = load_model(folder)
    assert card == CARD
    assert not model.training
    wanted = tiny_model().state_dict()
    assert model.state_dict().keys() == wanted.keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, wanted[name]), name


def test_half_precision_on_disk_becomes_single_precision(folder: Path) -> None:
    change_weights(folder, lambda w: w.update({k: v.half() for k, v in w.items()}))
    model, _ = load_model(folder)
    assert {tensor.dtype for tensor in model.state_dict().values()} == {torch.float32}


def test_a_tensor_that_is_missing_is_named(folder: Path) -> None:
    change_weights(folder, lambda w: w.pop(GAMMA))
    assert f"lacks tensors: {GAMMA}." in refusal(folder)


def test_many_missing_tensors_are_counted(folder: Path) -> None:
    change_weights(folder, lambda w: [w.pop(k) for k in sorted(w)[:7]])
    assert "and 4 more" in refusal(folder)


def test_a_tensor_too_many_is_named(folder: Path) -> None:
    change_weights(folder, lambda w: w.update(stray=torch.zeros(2)))
    assert "has unknown tensors: stray." in refusal(folder)


def test_a_wrong_shape_is_named(folder: Path) -> None:
    change_weights(folder, lambda w: w.update({GAMMA: torch.ones(65)}))
    assert f"{GAMMA} must have shape (64,), got (65,)" in refusal(folder)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_values_that_are_not_numbers_are_named(folder: Path, bad: float) -> None:
    change_weights(folder, lambda w: w[GAMMA].__setitem__(3, bad))
    assert f"{GAMMA} holds values that are not numbers" in refusal(folder)


@pytest.mark.parametrize("kept", [0, 7, 100, 5_000, -1])
def test_weights_that_end_early_are_damaged(folder: Path, kept: int) -> None:
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[:kept])
    message = refusal(folder)
    assert WEIGHTS in message and "install the model again" in message


def test_something_else_under_the_weights_name_is_damaged(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(b"<html>404 Not Found</html>" * 100)
    assert "install the model again" in refusal(folder)


def test_missing_weights_are_named(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    assert f"has no {WEIGHTS}" in refusal(folder)
    (folder / WEIGHTS).mkdir()
    assert f"has no {WEIGHTS}" in refusal(folder)


def test_a_missing_config_is_named(folder: Path) -> None:
    (folder / CONFIG).unlink()
    message = refusal(folder)
    assert "cannot be used" in message and "There is no file" in message and CONFIG in message


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("kernel = 5", "kernle = 5", "unknown keys: kernle"),
        ("kernel = 5", 'kernel = "five"', "codec.kernel must be int, got 'five'"),
        ("kernel = 5", "kernel = 5.0", "codec.kernel must be int, got 5.0"),
        ("kernel = 5", "kernel = 4", "kernel must be odd"),
        ("num_heads = 2", "num_heads = 0", "num_heads must be at least 1, got 0"),
        ("heads = 2\nff", "heads = 0\nff", "heads must be at least 1, got 0"),
        ("latent_dim = 16", "latent_dim = 8", "io_channels must be codec.latent_dim 8, got 16"),
        ("cond_token_dim = 32", "cond_token_dim = 16", "must be conditioner.width 32, got 16"),
        ("[codec]", "codec = 3\n[codecs]", "unknown keys: codecs"),
        ("[codec]", "[codec", "could not be read"),
        ("[codec]", '[sampling]\nsampler = "dpm"\n[codec]', "sampler must be one of ping_pong"),
        ("[codec]", "[sampling]\nguidance = nan\n[codec]", "guidance must be a finite number"),
        ("[codec]", "[sampling]\nshift = 0\n[codec]", "shift must be above 0, got 0.0"),
        ("depth = 2", "depth = 3", "lacks tensors"),
        ("depth = 2", "depth = 1", "has unknown tensors"),
    ],
)
def test_a_config_that_cannot_be_is_named(folder: Path, old: str, new: str, said: str) -> None:
    text = (folder / CONFIG).read_text(encoding="utf-8")
    assert old in text
    (folder / CONFIG).write_text(text.replace(old, new, 1), encoding="utf-8")
    message = refusal(folder)
    assert said in message and str(folder) in message


def test_a_vocabulary_of_another_size_is_refused(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "m", replace(CARD, vocabulary=("kick",)))
    assert "shared.weight must have shape (5, 32), got (9, 32)" in refusal(folder)


def test_what_is_no_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    assert "is not a model" in refusal(tmp_path / "nothing here")
    assert "is not a model" in refusal(tmp_path)
    assert "is not a model" in refusal(folder / CONFIG)


def test_networks_that_do_not_fit_are_refused_before_they_are_built() -> None:
    with pytest.raises(ValueError, match=r"transformer\.cond_token_dim must be"):
        ModelConfig(CODEC, replace(TRANSFORMER, cond_token_dim=8), CONDITIONER, SamplingConfig())
    with pytest.raises(ValueError, match=r"transformer\.global_cond_dim must be"):
        ModelConfig(CODEC, replace(TRANSFORMER, global_cond_dim=8), CONDITIONER, SamplingConfig())
