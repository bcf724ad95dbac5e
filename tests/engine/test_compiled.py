"""Eight-bit products: close to the exact ones, on the CPU alone, and never unasked."""

from __future__ import annotations

import pytest
import torch
from published_folder import PARITY
from safetensors.torch import load_file
from torch import Tensor, nn

from engine.api import EngineError, Recipe
from engine.compiled import quantise_blocks
from engine.device import choose_precision
from engine.generator import Generator
from engine.model_card import read_card
from engine.model_folder import load_model
from engine.models.dit import Conditioning
from engine.playable import PlayableModel


@pytest.fixture
def model() -> PlayableModel:
    return load_model(PARITY)[0]


def distance(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).norm() / theirs.norm())


@torch.inference_mode()
def test_eight_bit_velocities_are_near_the_reference_s(model: PlayableModel) -> None:
    data = load_file(PARITY / "dit.safetensors")
    told = Conditioning(data["a.cross_attn_cond"], None, data["a.global_cond"])
    quantise_blocks(model.transformer)
    ours = model.transformer(data["a.x"], data["a.t"], told)
    assert 1e-4 < distance(ours, data["a.v"]) < 0.05
    known = model.transformer.known(told, data["a.x"].shape[-1])
    again = model.transformer(data["a.x"], data["a.t"], known)
    assert distance(again, ours) < 1e-3


def test_only_the_blocks_products_are_eight_bit(model: PlayableModel) -> None:
    quantise_blocks(model.transformer)
    inner = model.transformer.transformer
    assert not [part for part in inner.layers.modules() if type(part) is nn.Linear]
    assert type(inner.project_in) is nn.Linear
    assert type(model.transformer.to_timestep_embed[0]) is nn.Linear


def test_a_sound_is_made_in_eight_bits_when_asked(model: PlayableModel) -> None:
    generator = Generator(model, read_card(PARITY), "cpu", "int8")
    assert generator.precision == "int8"
    assert generator.generate(Recipe("kick", 0.2, 2, seed=1)).clip.frames > 0


def test_the_environment_may_ask_and_nobody_else_chooses_eight_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert choose_precision("cpu") in ("float32", "bfloat16")
    monkeypatch.setenv("PINGPAD_PRECISION", "int8")
    assert choose_precision("cpu") == "int8"
    assert choose_precision("cpu", "float32") == "float32"
    with pytest.raises(EngineError, match="int8 is for the CPU, not for cuda"):
        choose_precision("cuda")
    monkeypatch.setenv("PINGPAD_PRECISION", "int4")
    with pytest.raises(EngineError, match=r"must be one of auto, .* got int4"):
        choose_precision("cpu")
