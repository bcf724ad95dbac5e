"""The recorded small published model from its folder, against the reference's own numbers.

The data was recorded with stable-audio-tools on random weights in float32, but for T5, which it
always runs in float16; the tolerances are those of the recording, relative to the largest value.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from engine.api import Recipe
from engine.clip import Clip
from engine.generation.generator import Generator
from engine.library.card import read_card
from engine.loading.model_folder import load_model
from engine.loading.sound_model import DecodeWindows
from engine.loading.stable_audio.model import PublishedModel
from engine.models.dit import Conditioning
from engine.sampling.guidance import apply_guidance, concat_conditionings
from engine.sound.postprocess import KNEE
from tests.fakes.engine.published_folder import PARITY

MANIFEST = json.loads((PARITY / "manifest.json").read_text(encoding="utf-8"))["files"]
PROMPTS = MANIFEST["conditioning.safetensors"]["meta"]["prompts"]
HALF_PRECISION_T5 = 6e-3


def relative_error(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())


@pytest.fixture(scope="module")
def model() -> PublishedModel:
    model, _ = load_model(PARITY)
    assert isinstance(model, PublishedModel)
    return model


@pytest.fixture(scope="module")
def generator(model: PublishedModel) -> Generator:
    return Generator(model, read_card(PARITY), "cpu", "float32")


@pytest.fixture
def latents(generator: Generator, monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The latents that the generator decodes, from the first on."""
    decode, heard = generator.model.decode_windows, []

    def listening(
        latents: Tensor, frames: int, seed: int, windows: DecodeWindows
    ) -> Iterator[Tensor]:
        heard.append(latents)
        return decode(latents, frames, seed, windows)

    monkeypatch.setattr(generator.model, "decode_windows", listening)
    return heard


@pytest.fixture(autouse=True)
def _without_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.mark.parametrize("row", range(len(PROMPTS)))
def test_conditioning_is_that_of_the_reference(model: PublishedModel, row: int) -> None:
    data = load_file(PARITY / "conditioning.safetensors")
    real = data["attention_mask"][row].bool()
    assert model.prompt.tokens([PROMPTS[row]]) == [data["input_ids"][row][real].tolist()]
    seconds = MANIFEST["conditioning.safetensors"]["meta"]["seconds_total"][row]
    ours = model.condition(model.tokenize([PROMPTS[row]], seconds))
    assert ours.cross_attn_mask is None
    words = data["prompt_embeds_fp32_t5"][row] * real[:, None]
    assert relative_error(ours.cross_attn_cond[0, :-1], words) < 2e-5
    assert torch.equal(ours.cross_attn_cond[0, :-1][~real], torch.zeros_like(words[~real]))
    assert relative_error(ours.cross_attn_cond[0, -1:], data["seconds_total_embed"][row]) < 2e-6
    assert relative_error(ours.global_cond[0], data["global_cond"][row]) < 2e-6
    assert relative_error(ours.cross_attn_cond[0], data["cross_attn_cond"][row]) < HALF_PRECISION_T5


def test_prompts_of_one_batch_are_encoded_as_alone(model: PublishedModel) -> None:
    together = model.prompt(*model.prompt.tokenize(PROMPTS))
    for row, prompt in enumerate(PROMPTS):
        assert (
            relative_error(together[row], model.prompt(*model.prompt.tokenize([prompt]))[0]) < 1e-5
        )


def test_guided_velocity_is_that_of_the_reference(model: PublishedModel) -> None:
    data = load_file(PARITY / "dit.safetensors")
    told = Conditioning(data["a.cross_attn_cond"], None, data["a.global_cond"])
    hidden = Conditioning(torch.zeros_like(told.cross_attn_cond), None, told.global_cond)
    both = concat_conditionings(told, hidden)
    velocity = apply_guidance(lambda x, time: model.transformer(x, time, both), 4.0)
    assert relative_error(velocity(data["a.x"], data["a.t"]), data["a.v_cfg4"]) < 5e-5


def test_without_a_prompt_all_tokens_are_zero(model: PublishedModel) -> None:
    told, hidden = (
        model.condition(model.tokenize(["kick"], 1.0), unconditional=hide) for hide in (False, True)
    )
    assert not hidden.cross_attn_cond.any()
    assert torch.equal(told.global_cond, hidden.global_cond)


def recorded(name: str) -> tuple[Recipe, dict[str, Tensor]]:
    meta = MANIFEST[f"{name}.safetensors"]["meta"]
    recipe = Recipe(
        meta["prompt"],
        meta["seconds_total"],
        meta["steps"],
        meta["seed"],
        meta.get("init_noise_level"),
    )
    return recipe, load_file(PARITY / f"{name}.safetensors")


def source_of(data: dict[str, Tensor]) -> Clip:
    return Clip(np.ascontiguousarray(data["prepared_audio"][0].T.numpy()), 44_100)


def use_conditioning(
    generator: Generator, monkeypatch: pytest.MonkeyPatch, data: dict[str, Tensor]
) -> None:
    recorded = Conditioning(data["cross_attn_cond"], None, data["global_cond"])
    monkeypatch.setattr(generator.model, "condition", lambda prompts: recorded)


def test_words_become_the_reference_s_latents_and_sound(
    generator: Generator, latents: list[Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, data = recorded("pingpong_t2a")
    use_conditioning(generator, monkeypatch, data)
    clip = generator.generate(recipe).clip
    assert relative_error(latents[0], data["latents"]) < 2e-4
    whole = generator.model.decode(latents[0], 10**9, 0)
    assert relative_error(whole, data["audio"]) < 2e-4
    # What the generator does for the player: round off loud peaks, fade the end.
    theirs = data["audio"][0].T.numpy()
    quiet = np.abs(theirs) < KNEE - 1e-3
    quiet[-200:] = False
    assert np.abs(clip.samples - theirs)[quiet].max() / np.abs(theirs).max() < 2e-4


@pytest.mark.parametrize("name", ["pingpong_a2a_0.5", "pingpong_a2a_0.9"])
def test_a_recording_becomes_the_reference_s_latents_and_sound(
    generator: Generator, latents: list[Tensor], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    recipe, data = recorded(name)
    use_conditioning(generator, monkeypatch, data)
    generator.generate(recipe, source_of(recorded("pingpong_a2a_0.5")[1]))
    assert relative_error(latents[0], data["latents"]) < 2e-4
    if "audio" in data:
        whole = generator.model.decode(latents[0], 10**9, 0)
        assert relative_error(whole, data["audio"]) < 2e-4


@pytest.mark.parametrize("name", ["pingpong_t2a", "pingpong_a2a_0.5", "pingpong_a2a_0.9"])
def test_from_the_words_on_only_the_precision_of_t5_differs(
    generator: Generator, latents: list[Tensor], name: str
) -> None:
    recipe, data = recorded(name)
    source = source_of(recorded("pingpong_a2a_0.5")[1]) if recipe.strength else None
    generator.generate(recipe, source)
    assert relative_error(latents[0], data["latents"]) < HALF_PRECISION_T5


def test_a_recording_of_another_rate_is_resampled_as_finely(
    generator: Generator, latents: list[Tensor]
) -> None:
    recipe, data = recorded("pingpong_a2a_0.5")
    raw = Clip(np.ascontiguousarray(data["init_audio"].T.numpy()), 48_000)
    generator.generate(recipe, raw)
    assert relative_error(latents[0], data["latents"]) < 1e-2
