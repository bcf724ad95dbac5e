"""Published folders that load and play, and those that must not: each refusal is a sentence."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from app.cli import main as command_line
from engine.api import EngineError, Recipe
from engine.clip import Clip
from engine.files.audio import read_clip
from engine.generation.generator import Generator, load_generator
from engine.library.card import list_models, read_card
from engine.loading.model_folder import load_model
from engine.loading.stable_audio.model import PublishedModel
from engine.sampling.schedule import ping_pong_times
from engine.sound.postprocess import LOUDEST
from tests.fakes.engine.published_folder import (
    CONFIG,
    PARITY,
    WEIGHTS,
    change_config,
    change_weights,
    write_published,
    write_text_encoder,
)

RECIPE = Recipe("sports car passing by", seconds=0.3, steps=2, seed=7)
ALPHA = "pretransform.model.decoder.layers.6.alpha"
WHOLE_FRAMES = 32_768


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_published(tmp_path / "open small ä")


@pytest.fixture(scope="module")
def generator() -> Generator:
    model, card = load_model(PARITY)
    return Generator(model, card, "cpu", "float32")


def refusal(folder: Path) -> str:
    with pytest.raises(EngineError) as caught:
        load_model(folder)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message
    return message


# --- loading ---


def test_the_card_tells_what_the_config_says(folder: Path) -> None:
    card = read_card(folder)
    assert card.name == "open small ä"
    assert card.vocabulary == ()
    assert card.sample_rate == 44_100
    assert card.longest_s == pytest.approx(WHOLE_FRAMES / 44_100)
    assert card.default_steps == 8
    assert list_models(folder.parent) == [folder]


def test_weights_are_apart_from_their_file(folder: Path) -> None:
    model, _ = load_model(folder)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with (folder / WEIGHTS).open("r+b") as file:
        file.seek(100_000)
        file.write(bytes(4_000_000))
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
        assert tensor.dtype == torch.float32


def test_a_checkpoint_is_read_like_safetensors(folder: Path) -> None:
    weights = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    torch.save({"state_dict": weights}, folder / "model.ckpt")
    wanted, _ = load_model(PARITY)
    model, _ = load_model(folder)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, wanted.state_dict()[name]), name


def test_a_base_model_under_its_published_names_is_sampled_its_way(folder: Path) -> None:
    (folder / CONFIG).rename(folder / "base_model_config.json")
    change_config(
        folder / "base_model_config.json",
        lambda table: table["model"]["diffusion"].update(diffusion_objective="rectified_flow"),
    )
    torch.save({"state_dict": load_file(folder / WEIGHTS)}, folder / "base_model.ckpt")
    (folder / WEIGHTS).unlink()
    generator = load_generator(folder, "cpu")
    assert generator.card.default_steps == 50
    assert generator.model.sampling.guidance == 6
    times: list[float] = []
    forward = generator.model.transformer.forward

    def listening(x: Tensor, time: Tensor, told: object) -> Tensor:
        assert len(x) == 2, "with and without the prompt"
        times.append(float(time[0]))
        return forward(x, time, told)  # type: ignore[arg-type]

    generator.model.transformer.forward = listening  # type: ignore[assignment]
    generator.generate(replace(RECIPE, steps=3))
    assert times == pytest.approx(ping_pong_times(3)[:-1].tolist())


def test_half_precision_on_disk_becomes_single_precision(folder: Path) -> None:
    change_weights(
        folder / WEIGHTS,
        lambda w: w.update({k: v.half() for k, v in w.items() if k.startswith("pretransform")}),
    )
    model, _ = load_model(folder)
    assert {tensor.dtype for tensor in model.state_dict().values()} == {torch.float32}


# --- playing ---


@pytest.mark.parametrize("seconds", [0.05, 0.3, 0.7])
def test_the_clip_has_exactly_the_frames_asked_for(generator: Generator, seconds: float) -> None:
    clip = generator.generate(replace(RECIPE, seconds=seconds)).clip
    assert clip.samples.shape == (round(seconds * 44_100), 2)
    assert np.abs(clip.samples).max() <= LOUDEST + 1e-6


def test_a_clip_ends_where_the_model_ends(generator: Generator) -> None:
    assert generator.generate(replace(RECIPE, seconds=12.0)).clip.frames == WHOLE_FRAMES


def test_all_latents_are_denoised_and_only_the_needed_ones_decoded(
    generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = generator.model
    assert isinstance(model, PublishedModel)
    decode, lengths = model.codec.decode, []

    def listening(latents: Tensor) -> Tensor:
        lengths.append(latents.shape[-1])
        return decode(latents)

    monkeypatch.setattr(model.codec, "decode", listening)
    latents = torch.randn(1, 64, 16, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        whole = model.decode(latents, 10**9, 0)
        part = model.decode(latents, 5_000, 0)
    assert lengths == [16, 3 + 10]
    assert part.shape == (1, 2, 5_000)
    assert (part - whole[..., :5_000]).abs().max() < 1e-5
    assert model.latents_for(0.1) == model.latents_for(0.7) == 16


def test_the_same_recipe_makes_the_same_samples(generator: Generator) -> None:
    first, again = (generator.generate(RECIPE).clip.samples for _ in range(2))
    assert np.array_equal(first, again)
    for change in ({"seed": 8}, {"prompt": "kick"}, {"steps": 3}, {"seconds": 0.29}):
        other = generator.generate(replace(RECIPE, **change)).clip.samples
        assert not np.array_equal(first[:1000], other[:1000])


def test_a_recording_keeps_its_level(generator: Generator) -> None:
    time = np.arange(13_230) / 44_100
    tone = np.repeat(np.sin(2 * np.pi * 220 * time)[:, None], 2, axis=1).astype(np.float32)
    recipe = replace(RECIPE, strength=0.1)
    loud, soft = (generator.generate(recipe, Clip(tone * level, 44_100)).clip for level in (1, 0.1))
    assert not np.allclose(loud.samples, soft.samples, atol=1e-3)


@pytest.mark.parametrize(
    "prompt", ["🥁", "???", "x " * 400, "½ — Wörld", "כלי הקשה", "</s> <pad>", "\ud800", "a\0"]
)
def test_any_prompt_makes_a_sound(generator: Generator, prompt: str) -> None:
    assert generator.generate(replace(RECIPE, prompt=prompt)).clip.frames == 13_230


def test_the_transformer_plays_in_half_precision_where_that_is_faster() -> None:
    model, card = load_model(PARITY)
    generator = Generator(model, card, "cpu", "bfloat16")
    assert generator.precision == "bfloat16"
    assert generator.generate(RECIPE).clip.frames == 13_230


def test_the_command_line_plays_a_published_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINGPAD_HOME", str(tmp_path / "home"))
    out = tmp_path / "car.wav"
    arguments = ("generate", "a car", "--seconds", "0.2", "--steps", "1", "--out", str(out))
    assert command_line.main([*arguments, "--model", str(folder)]) == 0
    assert read_clip(out).frames == 8_820


# --- what must not load ---


def change(folder: Path, *path: str, **values: object) -> None:
    def apply(table: dict[str, Any]) -> None:
        for name in path:
            table = table[name]
        table.update(values)

    change_config(folder / CONFIG, apply)


def test_another_sample_rate_is_refused(folder: Path) -> None:
    change(folder, sample_rate=48_000)
    assert "sample_rate must be 44100, got 48000" in refusal(folder)


def test_an_unknown_key_that_may_change_the_sound_is_named(folder: Path) -> None:
    change(folder, "model", "diffusion", "config", use_magic=True)
    assert "model.diffusion.config.use_magic is not known here" in refusal(folder)


@pytest.mark.parametrize("width", [10**13, 10**30])
def test_a_network_that_no_memory_holds_is_refused(folder: Path, width: int) -> None:
    for side in ("encoder", "decoder"):
        change(folder, "model", "pretransform", "config", side, "config", channels=width)
    assert "too large for this computer's memory" in refusal(folder)


@pytest.mark.parametrize("objective", ["w", None, [], "flow"])
def test_another_kind_of_model_is_refused_before_it_is_listed_as_playable(
    folder: Path, objective: object
) -> None:
    change(folder, "model", "diffusion", diffusion_objective=objective)
    assert "a kind of model that Pingpad cannot play" in refusal(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "<html>", "[" * 100_000, '"\ud800"'])
def test_a_config_that_is_none_is_refused(folder: Path, text: str) -> None:
    (folder / CONFIG).write_text(text, encoding="utf-8", errors="surrogatepass")
    assert CONFIG in refusal(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"sample_rate": 0},
        {"sample_rate": "fast"},
        {"sample_size": 10**400},
        {"sample_size": -1},
        {"model": 3},
        {"model": {}},
    ],
    ids=repr,
)
def test_a_config_of_nonsense_is_refused(folder: Path, change: dict[str, Any]) -> None:
    change_config(folder / CONFIG, lambda table: table.update(change))
    assert CONFIG in refusal(folder)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda w: w.pop(ALPHA), f"lacks tensors: {ALPHA}."),
        (lambda w: w.update(stray=torch.zeros(2)), "has unknown tensors: stray."),
        (lambda w: w.update({ALPHA: torch.ones(5)}), f"{ALPHA} must have shape (4,), got (5,)."),
        (lambda w: w[ALPHA].fill_(float("nan")), f"{ALPHA} holds values that are not numbers."),
        (lambda w: w[ALPHA].fill_(float("inf")), f"{ALPHA} holds values that are not numbers."),
        (lambda w: [w.pop(k) for k in list(w) if k.startswith("conditioner")], "lacks tensors"),
    ],
    ids=["missing", "extra", "misshapen", "not a number", "infinite", "no conditioner"],
)
def test_weights_of_another_model_are_refused(
    folder: Path, spoil: Callable[[dict[str, Tensor]], object], said: str
) -> None:
    change_weights(folder / WEIGHTS, spoil)
    assert said in refusal(folder)


@pytest.mark.parametrize("kept", [0, 7, 1000, 2_000_000, -1])
@pytest.mark.parametrize("name", [WEIGHTS, "model.ckpt"])
def test_a_download_that_ended_early_is_damaged(folder: Path, name: str, kept: int) -> None:
    if name != WEIGHTS:
        torch.save({"state_dict": load_file(folder / WEIGHTS)}, folder / name)
        (folder / WEIGHTS).unlink()
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[:kept])
    message = refusal(folder)
    assert name in message and "install the model again" in message


@pytest.mark.parametrize("name", [WEIGHTS, "model.ckpt"])
def test_a_web_page_under_the_weights_name_is_damaged(folder: Path, name: str) -> None:
    (folder / WEIGHTS).unlink()
    (folder / name).write_text("<!DOCTYPE html><title>401</title>" * 200, encoding="utf-8")
    assert "install the model again" in refusal(folder)


class _Touch:
    """What a hostile checkpoint holds: unpickling it would call a function."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("old", [False, True], ids=["zip", "plain pickle"])
def test_program_code_in_a_checkpoint_is_never_run(folder: Path, tmp_path: Path, old: bool) -> None:
    (folder / WEIGHTS).unlink()
    harm = {"state_dict": {"a": _Touch(tmp_path / "harm done")}}
    if old:
        (folder / "model.ckpt").write_bytes(pickle.dumps(harm, protocol=2))
    else:
        torch.save(harm, folder / "model.ckpt")
    assert "which Pingpad never runs" in refusal(folder)
    assert not (tmp_path / "harm done").exists()


@pytest.mark.parametrize("held", [{}, [], 3, {"state_dict": {}}, {"state_dict": {"a": 3}}])
def test_a_checkpoint_without_tensors_is_refused(folder: Path, held: object) -> None:
    (folder / WEIGHTS).unlink()
    torch.save(held, folder / "model.ckpt")
    assert "model.ckpt holds" in refusal(folder)


def test_missing_weights_are_named(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    assert f"has no {WEIGHTS}" in refusal(folder)


def test_a_missing_text_encoder_says_what_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "empty"))
    folder = write_published(tmp_path / "models" / "m", text_encoder=None)
    message = refusal(folder)
    assert "needs the text encoder t5-small" in message
    assert str(folder / "t5-small") in message
    write_text_encoder(folder / "t5-small")
    load_model(folder)
    shutil.move(folder / "t5-small", folder.parent / "t5-small")
    load_model(folder)
