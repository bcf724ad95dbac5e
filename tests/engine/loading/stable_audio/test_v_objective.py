"""Models of the stable-audio-open-1.0 kind: v objective, two numbers, tokens as they are, guided.

The recorded small model against the reference's own numbers (stable-audio-tools, random weights,
float32, T5 in float32 too); differences are relative to the largest value.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from engine.api import EngineError, Recipe
from engine.clip import Clip
from engine.files.strict import ConfigError
from engine.generation.generator import Generator
from engine.hardware.weights import SkipInit
from engine.library.card import read_card
from engine.loading.model_folder import load_model
from engine.loading.stable_audio.config_open import parse_config
from engine.loading.stable_audio.model import CODEC, PublishedModel, PublishedNetworks
from engine.models.dit import Conditioning
from engine.models.layers import BlockConfig, CrossAttention
from engine.models.oobleck import Oobleck
from engine.sampling.config import SamplingConfig
from engine.sampling.dpm import dpm_3m_sde, make_sigmas, start_at_sigma
from engine.sampling.guidance import apply_guidance, concat_conditionings
from tests.fakes.engine.as_on_gpu import Replayed, on_gpu
from tests.fakes.engine.published_folder import PARITY, PUBLISHED, change_config

DATA = Path(__file__).parents[3] / "data" / "parity-v"
MANIFEST = json.loads((DATA / "manifest.json").read_text(encoding="utf-8"))
STRENGTH = 0.6
"""The recorded noise is 1.5 times the data: 0.6 / (1 - 0.6)."""


def relative_error(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())


def write_model(folder: Path) -> Path:
    shutil.copytree(DATA, folder)
    shutil.copyfile(PARITY / "t5" / "tokenizer.json", folder / "t5" / "tokenizer.json")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "open one")


@pytest.fixture(scope="module")
def model(folder: Path) -> PublishedModel:
    model, _ = load_model(folder)
    assert isinstance(model, PublishedModel)
    return model


@pytest.fixture(scope="module")
def data() -> dict[str, Tensor]:
    return load_file(DATA / "recorded.safetensors")


@pytest.fixture(autouse=True)
def _without_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


# --- the config ---


def full_size() -> dict[str, Any]:
    """The config of stable-audio-open-1.0, by what it has other than the small one."""
    table: dict[str, Any] = json.loads((PUBLISHED / "model_config.json").read_text("utf-8"))
    table["sample_size"] = 2_097_152
    model = table["model"]
    prompt, total = model["conditioning"]["configs"]
    prompt["config"]["max_length"] = 128
    total["config"]["max_val"] = 512
    start = {"id": "seconds_start", "type": "number", "config": dict(total["config"])}
    model["conditioning"]["configs"] = [prompt, start, total]
    model["diffusion"] = {
        "type": "dit",
        "cross_attention_cond_ids": ["prompt", "seconds_start", "seconds_total"],
        "global_cond_ids": ["seconds_start", "seconds_total"],
        "config": {
            "io_channels": 64,
            "embed_dim": 1536,
            "depth": 24,
            "num_heads": 24,
            "cond_token_dim": 768,
            "global_cond_dim": 1536,
            "project_cond_tokens": False,
            "transformer_type": "continuous_transformer",
        },
    }
    return table


def test_the_released_size_is_read_and_has_the_released_number_of_weights() -> None:
    config = parse_config(full_size())
    assert config.latents == 1024
    assert list(config.numbers) == ["seconds_start", "seconds_total"]
    assert config.sampling == SamplingConfig("v_dpm_3m_sde", guidance=7.0)
    with SkipInit():
        networks = PublishedNetworks(config)
    shapes = networks.published_shapes()
    held = [shape for name, shape in shapes.items() if not name.startswith(CODEC)]
    frequencies = shapes["model.model.transformer.rotary_pos_emb.inv_freq"]
    assert sum(map(math.prod, held)) - frequencies.numel() == 1_057_335_680


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("global_cond_ids", ["seconds_total", "seconds_start"], "global_cond_ids must be"),
        ("global_cond_ids", ["seconds_total"], "global_cond_ids must be"),
        ("cross_attention_cond_ids", ["prompt"], "cross_attention_cond_ids must be"),
    ],
)
def test_numbers_that_do_not_reach_the_network_as_known_are_refused(
    key: str, value: object, said: str
) -> None:
    table = full_size()
    table["model"]["diffusion"][key] = value
    with pytest.raises(ConfigError, match=said):
        parse_config(table)


def test_tokens_that_do_not_hold_whole_heads_are_refused() -> None:
    table = full_size()
    table["model"]["diffusion"]["config"]["num_heads"] = 16
    parse_config(table)
    table["model"]["diffusion"]["config"]["num_heads"] = 1
    with pytest.raises(ConfigError, match="cond_token_dim 768 must hold heads of 1536 dims"):
        parse_config(table)


def test_the_card_names_its_steps(folder: Path) -> None:
    card = read_card(folder)
    assert card.default_steps == 100
    assert card.longest_s == pytest.approx(32_768 / 44_100)


def test_another_model_s_numbers_are_missed_in_the_weights(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")

    def without_start(table: dict[str, Any]) -> None:
        model = table["model"]
        del model["conditioning"]["configs"][1]
        model["diffusion"]["cross_attention_cond_ids"].remove("seconds_start")
        model["diffusion"]["global_cond_ids"].remove("seconds_start")
        model["diffusion"]["config"]["global_cond_dim"] = 32

    change_config(folder / "model_config.json", without_start)
    with pytest.raises(EngineError, match=r"has unknown tensors: conditioner.*seconds_start"):
        load_model(folder)


# --- the numbers ---


def test_each_head_of_narrow_tokens_serves_neighbouring_heads() -> None:
    attention = CrossAttention(BlockConfig(128, 4, 64, qk_norm=False))
    keys = attention.project_context(torch.randn(1, 3, 64)).keys
    assert torch.equal(keys[:, 0], keys[:, 1]) and torch.equal(keys[:, 2], keys[:, 3])
    assert not torch.equal(keys[:, 1], keys[:, 2])


def test_conditioning_is_that_of_the_reference(
    model: PublishedModel, data: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = zip(
        MANIFEST["prompts"], MANIFEST["seconds_start"], MANIFEST["seconds_total"], strict=True
    )
    for row, (prompt, start, total) in enumerate(rows):
        ours = model.condition(model.tokenize([prompt], total))
        if start == 0:
            assert relative_error(ours.cross_attn_cond[0], data["conditioning.cross"][row]) < 2e-5
            assert relative_error(ours.global_cond[0], data["conditioning.global"][row]) < 2e-6
        began = model.seconds["seconds_start"](torch.tensor([start]))
        assert relative_error(began[0], data["conditioning.global"][row, :32]) < 2e-6
        assert (
            relative_error(ours.cross_attn_cond[0, :16], data["conditioning.cross"][row, :16])
            < 2e-5
        )


def test_velocity_plain_and_guided_is_that_of_the_reference(
    model: PublishedModel, data: dict[str, Tensor]
) -> None:
    told = Conditioning(data["conditioning.cross"], None, data["conditioning.global"])
    x, time = data["dit.x"], data["dit.t"]
    assert relative_error(model.transformer(x, time, told), data["dit.v"]) < 2e-5
    hidden = Conditioning(torch.zeros_like(told.cross_attn_cond), None, told.global_cond)
    both = concat_conditionings(told, hidden)
    velocity = apply_guidance(lambda x, time: model.transformer(x, time, both), 7.0)
    assert relative_error(velocity(x, time), data["dit.v_cfg7"]) < 5e-5


@pytest.mark.parametrize(("name", "steps", "start"), [("text", 8, 1.0), ("recording", 5, STRENGTH)])
def test_latents_are_those_of_the_reference(
    model: PublishedModel, data: dict[str, Tensor], name: str, steps: int, start: float
) -> None:
    sigmas = make_sigmas(steps, start)
    assert relative_error(sigmas[:-1], data[f"{name}.sigmas"]) < 1e-5
    source = None
    if start < 1:
        audio = load_file(PARITY / "pingpong_a2a_0.5.safetensors")["prepared_audio"]
        assert isinstance(model.codec, Oobleck)
        source = model.codec.encode(audio, data[f"{name}.vae_noise"])
    x = start_at_sigma(data[f"{name}.initial_noise"], source, sigmas[0])
    assert relative_error(x, data[f"{name}.first_x"]) < 2e-5
    told = concat_conditionings(
        model.condition(model.tokenize([MANIFEST["prompts"][0]], 0.7)),
        model.condition(model.tokenize([""], 0.7), unconditional=True),
    )
    velocity = apply_guidance(lambda x, time: model.transformer(x, time, told), 7.0)
    drawn = iter(data[f"{name}.noise"])
    ours = dpm_3m_sde(velocity, x, sigmas, lambda like: next(drawn)[None], lambda step: None)
    assert relative_error(ours, data[f"{name}.latents"]) < 2e-4


@pytest.mark.parametrize(("name", "steps"), [("text", 8), ("recording", 5)])
def test_the_generator_goes_the_same_way_with_the_reference_s_noise(
    model: PublishedModel,
    folder: Path,
    data: dict[str, Tensor],
    name: str,
    steps: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = Generator(model, read_card(folder), "cpu", "float32")
    decode, heard = model.decode_windows, []

    def listening(latents: Tensor, *how: Any) -> Iterator[Tensor]:  # noqa: ANN401 - passed on
        heard.append(latents)
        return decode(latents, *how)

    first = [data[f"{name}.initial_noise"]]
    if name == "recording":
        first.append(data[f"{name}.vae_noise"])
    drawn = iter([*first, *data[f"{name}.noise"][:, None]])
    asked: list[Tensor] = []
    randn = torch.randn

    def recorded(*shape: int, generator: torch.Generator) -> Tensor:
        asked.append(randn(*shape, generator=generator))
        return next(drawn)

    monkeypatch.setattr(model, "decode_windows", listening)
    monkeypatch.setattr(torch, "randn", recorded)
    audio = load_file(PARITY / "pingpong_a2a_0.5.safetensors")["prepared_audio"][0]
    source = Clip(np.ascontiguousarray(audio.T.numpy()), 44_100) if len(first) > 1 else None
    strength = None if source is None else STRENGTH
    recipe = Recipe(MANIFEST["prompts"][0], 0.7, steps, seed=99, strength=strength)
    generator.generate(recipe, source)
    assert relative_error(heard[0], data[f"{name}.latents"]) < 2e-4
    # The seed alone draws what the reference draws with it, up to the Brownian tree.
    for ours, theirs in zip(asked, first, strict=False):
        assert torch.equal(ours, theirs)


def test_a_guided_kit_that_avoids_something_has_the_sounds_made_alone(folder: Path) -> None:
    generator = Generator(load_model(folder)[0], read_card(folder), "cpu", "float32")
    recipe = Recipe(MANIFEST["prompts"][0], 0.5, 3, seed=1)
    avoiding = replace(recipe, avoid="hiss and voices of a crowd")
    plain = generator.generate(recipe).clip.samples
    assert np.abs(generator.generate(avoiding).clip.samples - plain).max() > 1e-4
    recipes = [avoiding, replace(avoiding, prompt="kick", seed=2), recipe]
    for made in generator.generate_all(recipes):
        alone = generator.generate(made.recipe).clip.samples
        # Guidance makes sevenfold what rounding differs by, at every step.
        assert np.abs(made.clip.samples - alone).max() < 5e-3


def test_what_a_gpu_records_of_a_guided_model_makes_the_same_sounds(folder: Path) -> None:
    usual, recorded = (
        Generator(load_model(folder)[0], read_card(folder), "cpu", "float32") for _ in range(2)
    )
    on_gpu(recorded)
    Replayed.captured = 0
    recipe = Recipe(MANIFEST["prompts"][0], 0.5, 3, seed=1)
    for asked in (recipe, replace(recipe, seed=2), replace(recipe, seed=3)):
        for same in (asked, replace(asked, avoid="hiss")):
            ours, theirs = (each.generate(same).clip.samples for each in (recorded, usual))
            assert np.abs(ours - theirs).max() < 1e-5
    assert Replayed.captured == 2
