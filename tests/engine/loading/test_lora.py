"""LoRAs: each known layout changes the weights as its formula says; another model's is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.api import EngineError, Recipe
from engine.generation.generator import load_generator
from engine.library.card import list_models, read_card
from engine.library.lora_file import ADAPTER_WEIGHTS, write_adapter_file
from engine.loading.model_folder import load_model
from tests.fakes.engine.published_folder import write_published

LAYER = "transformer.layers.1.self_attn.to_qkv"
SECONDS = "conditioners.seconds_total.embedder.embedding.1"
RANK = 4
RANDOM = torch.Generator().manual_seed(3)
DOWN = torch.randn(RANK, 128, generator=RANDOM)
UP = torch.randn(3 * 128, RANK, generator=RANDOM)
ROWS = torch.rand(3 * 128, generator=RANDOM) + 0.5
COLUMNS = torch.rand(128, generator=RANDOM) + 0.5

Tensors = dict[str, Tensor]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_published(tmp_path / "models" / "small")


def add(base: Path, tensors: Tensors, told: dict[str, object] | None = None,
        strength: float = 0.7) -> Path:  # fmt: skip
    """A LoRA's folder beside its base, in Stable Audio 3's layout of metadata."""
    folder = base.parent / "small, bent"
    folder.mkdir(exist_ok=True)
    metadata = None if told is None else {"lora_config": json.dumps(told)}
    save_file(tensors, folder / ADAPTER_WEIGHTS, metadata)
    write_adapter_file(folder, base.name, strength)
    return folder


def trained(prefix: str = "model.", **more: Tensor) -> Tensors:
    """Names as Stable Audio 3's trainer writes them."""
    stem = f"{prefix}{LAYER}.parametrizations.weight.0"
    parts = {"lora_A": DOWN, "lora_B": UP} | more
    return {f"{stem}.{name}": tensor.clone() for name, tensor in parts.items()}


def weights_of(folder: Path) -> Tensors:
    return {name: w.clone() for name, w in load_model(folder)[0].adaptable_weights().items()}


def refusal(folder: Path) -> str:
    with pytest.raises(EngineError) as caught:
        load_model(folder)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message
    return message


def added(weight: Tensor, scale: float) -> Tensor:
    return weight + scale * UP @ DOWN


@pytest.mark.parametrize(
    ("tensors", "told", "scale"),
    [
        (trained(), {"adapter_type": "lora", "rank": RANK, "alpha": 8}, 0.7 * 2),
        (trained("model.model."), {}, 0.7),
        (trained(""), None, 0.7),
        ({f"base_model.model.model.{LAYER}.lora_A.weight": DOWN,
          f"base_model.model.model.{LAYER}.lora_B.weight": UP}, None, 0.7),
        ({f"{LAYER}.lora_down.weight": DOWN, f"{LAYER}.lora_up.weight": UP,
          f"{LAYER}.alpha": torch.tensor(2.0)}, None, 0.35),
    ],
    ids=["sa3", "sa3 whole model", "sa3 bare", "peft", "down and up"],
)  # fmt: skip
def test_each_layout_adds_its_product(
    base: Path, tensors: Tensors, told: dict[str, object] | None, scale: float
) -> None:
    plain, bent = weights_of(base), weights_of(add(base, tensors, told))
    assert torch.allclose(bent[LAYER], added(plain[LAYER], scale), atol=1e-5)
    for name in plain:
        assert name == LAYER or torch.equal(plain[name], bent[name]), name


def test_peft_s_own_file_says_the_scale(base: Path) -> None:
    names = {f"base_model.model.{LAYER}.lora_{part}.weight": t for part, t in
             (("A", DOWN), ("B", UP))}  # fmt: skip
    folder = add(base, names)
    (folder / "adapter_config.json").write_text(json.dumps({"r": RANK, "lora_alpha": 12}))
    wanted = added(weights_of(base)[LAYER], 0.7 * 3)
    assert torch.allclose(weights_of(folder)[LAYER], wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("dora-rows", {"magnitude": ROWS}),
        ("dora", {"magnitude": ROWS[:, None]}),
        ("dora-cols", {"magnitude": COLUMNS}),
        ("dora", {"magnitude": COLUMNS[None]}),
        ("bora", {"magnitude_r": ROWS, "magnitude_c": COLUMNS}),
    ],
)
def test_magnitudes_are_the_lengths_of_rows_or_columns(
    base: Path, kind: str, more: Tensors
) -> None:
    bent = weights_of(add(base, trained(**cast(Any, more)), {"adapter_type": kind}))[LAYER]
    direction = added(weights_of(base)[LAYER], 0.7)
    if "magnitude_c" in more or COLUMNS.numel() in {t.numel() for t in more.values()}:
        assert torch.allclose(bent.norm(dim=0), COLUMNS, atol=1e-4)
    else:
        assert torch.allclose(bent.norm(dim=1), ROWS, atol=1e-4)
        assert torch.cosine_similarity(bent, direction, dim=1).min() > 0.9999


def test_embeddings_of_seconds_are_changed_too(base: Path) -> None:
    stem = f"{SECONDS}.parametrizations.weight.0"
    down = torch.randn(2, 257, generator=RANDOM)
    up = torch.randn(512, 2, generator=RANDOM)
    folder = add(base, {f"{stem}.lora_A": down, f"{stem}.lora_B": up}, None, 1.0)
    wanted = weights_of(base)[SECONDS] + up @ down
    assert torch.allclose(weights_of(folder)[SECONDS], wanted, atol=1e-5)


def test_strength_of_none_leaves_the_model_as_it_is(base: Path) -> None:
    folder = add(base, trained(magnitude=ROWS), {"adapter_type": "dora-rows"}, 0.0)
    plain, bent = weights_of(base), weights_of(folder)
    assert all(torch.equal(plain[name], bent[name]) for name in plain)


def test_a_lora_is_listed_and_plays_as_a_model_of_its_own(base: Path) -> None:
    folder = add(base, trained())
    assert list_models(base.parent) == [base, folder]
    card = read_card(folder)
    assert (card.name, card.default_steps) == ("small, bent", 8)
    assert card.summary == "small with a LoRA, strength 0.7."
    recipe = Recipe("sports car passing by", seconds=0.2, steps=2, seed=7)
    plain, bent = (load_generator(place, "cpu").generate(recipe) for place in (base, folder))
    assert np.abs(plain.clip.samples - bent.clip.samples).max() > 1e-3


@pytest.mark.parametrize(
    ("tensors", "told", "said"),
    [
        ({k.replace("layers.1", "layers.7"): v for k, v in trained().items()}, None,
         f"for another model: this one has no layer {LAYER.replace('1', '7')}"),
        (trained(lora_A=DOWN[:, :64]), None, "another model: transformer"),
        (trained(lora_B=UP[:, :2]), None, "do not fit"),
        (trained(lora_B=UP * float("nan")), None, "not numbers"),
        ({k: v for k, v in trained().items() if k.endswith("_A")}, None, "one half is missing"),
        (trained(), {"adapter_type": "lora-xs"}, "of the kind lora-xs"),
        (trained(), {"alpha": "much"}, "alpha must be a number, got 'much'"),
        (trained(magnitude=ROWS[:3]), None, "there must be 384 magnitudes"),
        ({"model.whatever.weight": DOWN}, None, "no LoRA that Pingpad knows"),
    ],
    ids=["layer", "width", "halves", "nan", "half", "kind", "alpha", "magnitudes", "no lora"],
)  # fmt: skip
def test_a_lora_that_does_not_fit_is_refused_and_named(
    base: Path, tensors: Tensors, told: dict[str, object] | None, said: str
) -> None:
    assert said in refusal(add(base, tensors, told))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: (f / ADAPTER_WEIGHTS).write_text("<!DOCTYPE html>"), "damaged or not whole"),
        (lambda f: (f / ADAPTER_WEIGHTS).unlink(), "has no adapter.safetensors"),
        (lambda f: (f / "adapter.toml").write_text('base = "gone"\nstrength = 1'), "model gone"),
        (
            lambda f: (f / "adapter.toml").write_text("base = 3\nstrength = 1"),
            "must be str, got 3",
        ),
        (
            lambda f: (f / "adapter.toml").write_text('base = "small"\nstrength = "x"'),
            "must be float",
        ),
        (lambda f: (f / "adapter.toml").write_text('base = "small"\nstrength = 9'), "-4..4, got 9"),
        (lambda f: (f / "adapter.toml").write_text('base = "small"\nstrength = nan'), "got nan"),
        (lambda f: write_adapter_file(f, f.name, 1.0), "is not on this computer"),
        (lambda f: (f / "adapter.toml").write_bytes(b"\xff"), "add the LoRA again"),
    ],
)
def test_a_spoilt_folder_says_what_to_do(
    base: Path, spoil: Callable[[Path], object], said: str
) -> None:
    folder = add(base, trained())
    spoil(folder)
    assert said in refusal(folder)


def test_what_does_not_fit_changes_nothing(base: Path) -> None:
    model, _ = load_model(base)
    from engine.loading.lora import change_weights, read_adapter

    before = {name: w.clone() for name, w in model.adaptable_weights().items()}
    bad = trained() | {k.replace("layers.1", "layers.9"): v for k, v in trained().items()}
    path = add(base, bad) / ADAPTER_WEIGHTS
    with pytest.raises(EngineError):
        change_weights(model.adaptable_weights(), read_adapter(path), 1.0, path)
    assert all(torch.equal(before[name], w) for name, w in model.adaptable_weights().items())
    assert load_file(path)
