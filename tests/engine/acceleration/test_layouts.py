"""Other products and layouts: the same numbers, or near ones that nobody gets unasked."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from engine.acceleration.layouts import (
    PackedLinear,
    lay_channels_last,
    pack_linear_layers,
    quantise_blocks,
)
from engine.api import EngineError, Recipe
from engine.generation.generator import Generator
from engine.hardware.device import choose_precision, sound_dtype, steps_dtype
from engine.library.card import read_card
from engine.loading.model_folder import load_model
from engine.loading.sound_model import SoundModel
from engine.loading.stable_audio.model import PublishedModel
from engine.models.dit import Conditioning
from tests.fakes.engine.published_folder import PARITY


@pytest.fixture
def model() -> SoundModel:
    return load_model(PARITY)[0]


def distance(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).norm() / theirs.norm())


@torch.inference_mode()
def test_eight_bit_velocities_are_near_the_reference_s(model: SoundModel) -> None:
    data = load_file(PARITY / "dit.safetensors")
    told = Conditioning(data["a.cross_attn_cond"], None, data["a.global_cond"])
    quantise_blocks(model.transformer)
    ours = model.transformer(data["a.x"], data["a.t"], told)
    assert 1e-4 < distance(ours, data["a.v"]) < 0.05
    known = model.transformer.cache(told, data["a.x"].shape[-1])
    again = model.transformer(data["a.x"], data["a.t"], known)
    assert distance(again, ours) < 1e-3


def test_only_the_blocks_products_are_eight_bit(model: SoundModel) -> None:
    quantise_blocks(model.transformer)
    inner = model.transformer.transformer
    assert not [part for part in inner.layers.modules() if type(part) is nn.Linear]
    assert type(inner.project_in) is nn.Linear
    assert type(model.transformer.to_timestep_embed[0]) is nn.Linear


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.inference_mode()
def test_packed_products_are_the_same(model: SoundModel, dtype: torch.dtype) -> None:
    data = load_file(PARITY / "dit.safetensors")
    told = Conditioning(data["a.cross_attn_cond"].to(dtype), None, data["a.global_cond"].to(dtype))
    network = model.transformer.to(dtype)
    before = network(data["a.x"].to(dtype), data["a.t"], told)
    pack_linear_layers(network)
    packed = [part for part in network.modules() if isinstance(part, PackedLinear)]
    if not packed:
        pytest.skip("there is no oneDNN here")
    assert len(packed) == 2 * 7
    after = network(data["a.x"].to(dtype), data["a.t"], told)
    assert after.dtype == dtype
    assert distance(after.float(), before.float()) < (1e-5 if dtype == torch.float32 else 1e-2)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize(
    ("dtype", "least_db", "most_db"), [(torch.float32, 100, 200), (torch.bfloat16, 30, 60)]
)
@torch.inference_mode()
def test_sounds_with_channels_beside_each_other_are_the_same(
    model: SoundModel, dtype: torch.dtype, least_db: float, most_db: float, fused: bool
) -> None:
    assert isinstance(model, PublishedModel)
    codec: Any
    codec, data = model.codec, load_file(PARITY / "autoencoder.safetensors")
    before = codec.decode(data["z"]), codec.posterior(data["audio"])
    lay_channels_last(codec, dtype, fused=fused)
    after = codec.decode(data["z"]), codec.posterior(data["audio"])
    assert after[0].shape == before[0].shape and after[0].dtype == torch.float32
    assert least_db < -20 * math.log10(distance(after[0], before[0])) < most_db
    # Only the decoder may be asked to be less exact.
    assert distance(after[1][0], before[1][0]) < 1e-5
    assert distance(after[1][1], before[1][1]) < 1e-5
    weight = next(part for part in codec.decoder.modules() if isinstance(part, nn.Conv2d)).weight
    assert weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("device", "precision", "steps", "sound"),
    [
        ("cpu", "float32", torch.float32, torch.float32),
        ("cpu", "bfloat16", torch.bfloat16, torch.float32),
        ("cpu", "bfloat16-all", torch.bfloat16, torch.bfloat16),
        ("cpu", "int8", torch.float32, torch.float32),
        ("cpu", "int8-all", torch.float32, torch.bfloat16),
        ("cuda", "bfloat16", torch.bfloat16, torch.float16),
        ("cuda", "float32", torch.float32, torch.float32),
    ],
)
def test_a_precision_is_that_of_the_steps_and_of_the_sound(
    device: str, precision: str, steps: torch.dtype, sound: torch.dtype
) -> None:
    assert steps_dtype(precision) == steps
    assert sound_dtype(device, precision) == sound


@pytest.mark.parametrize("precision", ["bfloat16-all", "int8-all"])
def test_a_whole_sound_is_made_in_low_precision_when_asked(
    model: SoundModel, precision: str
) -> None:
    recipe = Recipe("kick", 0.2, 2, seed=1)
    made = Generator(model, read_card(PARITY), "cpu", precision).generate(recipe).clip.samples
    usual = Generator(load_model(PARITY)[0], read_card(PARITY), "cpu", "float32").generate(recipe)
    difference = np.linalg.norm(made - usual.clip.samples) / np.linalg.norm(usual.clip.samples)
    assert 1e-3 < difference < 0.2


def test_a_sound_is_made_in_eight_bits_when_asked(model: SoundModel) -> None:
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
    monkeypatch.setenv("PINGPAD_PRECISION", "bfloat16-all")
    assert choose_precision("cpu") == "bfloat16-all"
    monkeypatch.setenv("PINGPAD_PRECISION", "int4")
    with pytest.raises(EngineError, match=r"must be one of auto, .* got int4"):
        choose_precision("cpu")
