"""Models of the small Stable Audio 3 kind, from their folder, against the reference's own numbers.

Recorded on random weights in float32 on a CPU, T5Gemma too, and without the noise that the
reference adds to what it decodes; differences are relative to the largest value.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from engine.api import EngineError, Recipe
from engine.clip import Clip
from engine.generation.decoding import Decoder
from engine.generation.generator import Generator
from engine.library.card import list_models, read_card
from engine.loading.model_folder import load_model
from engine.loading.stable_audio.model import PublishedModel
from engine.models.dit import Conditioning
from engine.models.same import Same
from engine.sampling.schedule import ping_pong_times
from tests.fakes.engine.as_on_gpu import Replayed, on_gpu
from tests.fakes.engine.published_folder import PARITY
from tests.fakes.engine.published_folder import PARITY_3 as DATA

MANIFEST = json.loads((DATA / "manifest.json").read_text(encoding="utf-8"))
PROMPTS, SECONDS = MANIFEST["prompts"], MANIFEST["seconds_total"]
KEPT_FRAME = 31
STRENGTH = 0.6


def relative_error(ours: Tensor, theirs: Tensor) -> float:
    assert ours.shape == theirs.shape
    return float((ours - theirs).abs().max() / theirs.abs().max())


@pytest.fixture(scope="module")
def model() -> PublishedModel:
    model, _ = load_model(DATA)
    assert isinstance(model, PublishedModel)
    return model


@pytest.fixture(scope="module")
def codec(model: PublishedModel) -> Same:
    assert isinstance(model.codec, Same)
    return model.codec


@pytest.fixture(scope="module")
def generator(model: PublishedModel) -> Generator:
    return Generator(model, read_card(DATA), "cpu", "float32")


@pytest.fixture(scope="module")
def data() -> dict[str, Tensor]:
    return load_file(DATA / "recorded.safetensors")


@pytest.fixture(autouse=True)
def _without_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def source(data: dict[str, Tensor]) -> Clip:
    """The recorded sound twice, one second of it."""
    sound = torch.cat([data["codec.audio"][0]] * 2, dim=-1)[:, :44_100]
    return Clip(np.ascontiguousarray(sound.float().T.numpy()), 44_100)


def test_the_folder_is_listed_and_its_card_says_what_it_can() -> None:
    card = read_card(DATA)
    assert DATA in list_models(DATA.parent)
    assert card.default_steps == 8
    assert card.longest_s == pytest.approx(128 * 4096 / 44_100)


@pytest.mark.parametrize("row", range(len(PROMPTS)))
def test_conditioning_is_that_of_the_reference(
    model: PublishedModel, data: dict[str, Tensor], row: int
) -> None:
    real = data["text.mask"][row].bool()
    assert model.prompt.tokens([PROMPTS[row]]) == [data["text.ids"][row][real].tolist()]
    ours = model.condition(model.tokenize([PROMPTS[row]], SECONDS[row]))
    assert relative_error(ours.cross_attn_cond[0], data["text.cross"][row]) < 2e-5
    assert relative_error(ours.global_cond[0], data["text.global"][row]) < 2e-6
    assert torch.equal(ours.cross_attn_cond[0, :-1][~real], data["text.cross"][row, :-1][~real])


def test_prompts_of_one_batch_are_encoded_as_alone(model: PublishedModel) -> None:
    together = model.prompt(*model.prompt.tokenize(PROMPTS))
    for row, prompt in enumerate(PROMPTS):
        assert (
            relative_error(together[row], model.prompt(*model.prompt.tokenize([prompt]))[0]) < 1e-5
        )


def test_both_halves_of_the_autoencoder_are_those_of_the_reference(
    codec: Same, data: dict[str, Tensor]
) -> None:
    audio = data["codec.audio"].float()
    assert relative_error(codec.encode(audio), data["codec.latents"]) < 2e-5
    odd = codec.encode(audio[..., : 5 * 4096])
    assert relative_error(odd, data["codec.latents_of_five"][..., :5]) < 2e-5
    sound = codec.decode(data["codec.z"])
    assert sound.shape[-1] == 7 * 4096
    kept = sound[..., ::KEPT_FRAME]
    assert relative_error(kept, data["codec.decoded"][..., : kept.shape[-1]]) < 5e-5


@pytest.mark.parametrize(("name", "valid"), [("v", None), ("v_padded", 9)])
def test_velocity_is_that_of_the_reference(
    model: PublishedModel, data: dict[str, Tensor], name: str, valid: int | None
) -> None:
    cross, overall = data["text.cross"][[0, 2]], data["text.global"][[0, 2]]
    told = Conditioning(cross, None, overall, valid_length=valid)
    ours = model.transformer(data["dit.x"], data["dit.t"], told)
    assert relative_error(ours, data[f"dit.{name}"]) < 2e-5
    known = model.transformer.cache(told, data["dit.x"].shape[-1])
    assert torch.equal(model.transformer(data["dit.x"], data["dit.t"], known), ours)


def test_velocity_beside_given_latents_is_that_of_the_reference(
    model: PublishedModel, data: dict[str, Tensor]
) -> None:
    cross, overall = data["text.cross"][[0, 2]], data["text.global"][[0, 2]]
    told = Conditioning(cross, None, overall, inpaint_cond=data["dit.kept"])
    ours = model.transformer(data["dit.x"], data["dit.t"], told)
    assert relative_error(ours, data["dit.v_kept"]) < 2e-5


def test_times_are_those_of_the_reference(model: PublishedModel, data: dict[str, Tensor]) -> None:
    times = ping_pong_times(8, first_log_snr=model.sampling.first_log_snr)
    assert relative_error(times, data["schedule.8"]) < 1e-6


@pytest.fixture
def latents(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The latents that a generator decodes."""
    decoded, heard = Decoder.decode, []

    def listening(decoder: Decoder, latents: Tensor, *others: Any) -> Clip:  # noqa: ANN401 - handed on
        heard.append(latents)
        return decoded(decoder, latents, *others)

    monkeypatch.setattr(Decoder, "decode", listening)
    return heard


def use_times(monkeypatch: pytest.MonkeyPatch, times: Tensor) -> None:
    monkeypatch.setattr("engine.sampling.sample.ping_pong_times", lambda *given: times)


def test_words_become_the_reference_s_latents_and_sound(
    generator: Generator,
    latents: list[Tensor],
    data: dict[str, Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = Recipe(PROMPTS[0], 1.0, 8, seed=99)
    made = generator.generate(recipe)
    assert made.clip.frames == 44_100
    # The highest frequency of a time turns its last digit into a hundredth of a radian.
    assert relative_error(latents[0], data["text_to_audio.latents"]) < 1e-3
    use_times(monkeypatch, data["schedule.8"])
    generator.generate(recipe)
    assert relative_error(latents[1], data["text_to_audio.latents"]) < 5e-5
    whole = generator.model.decode(latents[1], 44_100, 0)
    theirs = data["text_to_audio.audio"]
    assert relative_error(whole[..., ::KEPT_FRAME], theirs) < 2e-4


def test_a_recording_becomes_the_reference_s_latents(
    generator: Generator, latents: list[Tensor], data: dict[str, Tensor]
) -> None:
    recipe = Recipe(PROMPTS[0], 1.0, 8, seed=99, strength=STRENGTH)
    generator.generate(recipe, source(data))
    assert relative_error(latents[0], data["audio_to_audio.latents"]) < 1e-3


def test_a_part_made_anew_becomes_the_reference_s_latents(
    generator: Generator, latents: list[Tensor], data: dict[str, Tensor]
) -> None:
    recipe = Recipe(PROMPTS[0], 1.0, 8, seed=99, remake_from=0.3, remake_to=0.7)
    generator.generate(recipe, source(data))
    assert relative_error(latents[0], data["inpainting.latents"]) < 1e-3


def test_parts_made_anew_together_are_those_made_alone(
    generator: Generator, data: dict[str, Tensor]
) -> None:
    recipe = Recipe(PROMPTS[0], 1.0, 2, seed=99, remake_from=0.3, remake_to=0.7)
    recipes = [recipe, replace(recipe, prompt="rain", seed=5)]
    for made in generator.generate_all(recipes, source(data)):
        alone = generator.generate(made.recipe, source(data)).clip.samples
        assert np.abs(made.clip.samples - alone).max() < 1e-4


def test_what_a_gpu_records_makes_the_same_sounds(
    generator: Generator, data: dict[str, Tensor]
) -> None:
    recorded = on_gpu(Generator(load_model(DATA)[0], read_card(DATA), "cpu", "float32"))
    Replayed.captured = 0
    recipe = Recipe(PROMPTS[0], 1.0, 2, seed=1)
    for asked in (recipe, replace(recipe, seed=2), replace(recipe, remake_from=0.3, remake_to=0.7)):
        for _ in range(2):
            ours = recorded.generate(asked, source(data)).clip.samples
            assert np.abs(ours - generator.generate(asked, source(data)).clip.samples).max() < 1e-5
    assert Replayed.captured == 2


def test_what_is_kept_begins_outside_of_the_part_and_within_the_seconds(
    model: PublishedModel, codec: Same, data: dict[str, Tensor]
) -> None:
    audio = data["codec.audio"].float()
    kept = model.make_inpaint_cond(audio, 5 * 4096 / 44_100, 4096 / 44_100, 2.5 * 4096 / 44_100)
    assert kept[0, 0].tolist() == [1, 0, 0, 1, 1, 0]
    assert torch.equal(kept[0, 1:, 3:5], codec.encode(audio)[0, :, 3:5])
    assert not kept[0, 1:, 1:3].any()


def test_a_part_to_make_anew_needs_a_recording(generator: Generator) -> None:
    with pytest.raises(EngineError, match="Give the recording of which a part"):
        generator.generate(Recipe("kick", 1.0, 1, remake_from=0.0, remake_to=0.5))


def test_a_model_that_cannot_make_a_part_anew_says_so(data: dict[str, Tensor]) -> None:
    model, card = load_model(PARITY)
    with pytest.raises(EngineError, match="choose a Stable Audio 3 model"):
        recipe = Recipe("kick", 0.5, 1, remake_from=0.0, remake_to=0.5)
        Generator(model, card, "cpu", "float32").generate(recipe, source(data))


@pytest.mark.parametrize(("seconds", "latents", "valid"), [(1.0, 76, 75), (0.3, 68, None)])
def test_length_is_what_is_asked_for_and_six_seconds(
    model: PublishedModel, seconds: float, latents: int, valid: int | None
) -> None:
    assert model.latents_for(seconds) == latents
    assert model.condition(model.tokenize(["kick"], seconds)).valid_length == valid


def test_a_long_sound_is_as_long_as_the_model_can(model: PublishedModel) -> None:
    assert model.latents_for(12.0) == 128
    assert model.condition(model.tokenize(["kick"], 12.0)).valid_length is None


def test_windows_are_decoded_as_the_whole(codec: Same) -> None:
    latents = torch.randn(1, 8, 13, generator=torch.Generator().manual_seed(3))
    whole = codec.decode(latents)
    for first, window in ((1, 2), (3, 5), (100, 100), (4, 1)):
        parts = torch.cat(list(codec.decode_windows(latents, 12, first, window)), dim=-1)
        assert relative_error(parts, whole[..., : 12 * 4096]) < 1e-5


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_it_plays_in_other_precisions(precision: str, data: dict[str, Tensor]) -> None:
    model, card = load_model(DATA)
    generator = Generator(model, card, "cpu", precision)
    recipe = Recipe("glass", 0.2, 2, seed=1, remake_from=0.0, remake_to=0.1)
    assert generator.generate(recipe, source(data)).clip.frames == 8_820
