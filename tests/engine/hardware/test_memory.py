"""Too little memory: said in words before, got round while a sound is made, told afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.api import EngineError, InsufficientMemoryError, Recipe
from engine.clip import Clip
from engine.generation import decoding
from engine.generation import generator as generator_module
from engine.generation.generator import IN_WINDOWS, Generator, load_generator
from engine.generation.placement import FEWER_AT_ONCE, ON_THE_CPU
from engine.hardware import weights
from engine.hardware.memory import GIB, check_memory, free_bytes, is_out_of_memory
from engine.library.card import read_card
from engine.loading.model_folder import load_model
from engine.loading.sound_model import DecodeWindows, SoundModel, TokenizedPrompts
from engine.loading.stable_audio.model import PublishedModel
from engine.sound.postprocess import FADE_S
from tests.fakes.engine.published_folder import PARITY

RECIPE = Recipe("latin funk drumset 115 BPM", seconds=0.7, steps=1, seed=7)


class Cramped(PublishedModel):
    """A model whose device has room for windows of a few latents only."""

    room = 16

    def decode_windows(
        self, latents: Tensor, frames: int, seed: int, windows: DecodeWindows
    ) -> Iterator[Tensor]:
        for part in super().decode_windows(latents, frames, seed, windows):
            if part.shape[-1] > self.room * self.samples_per_latent:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            yield part


class Elsewhere(PublishedModel):
    """A model that pretends to lie on a GPU without room for its text encoder."""

    def to(self, *args: object, **kwargs: object) -> Elsewhere:
        return self

    def tokenize(self, prompts: Sequence[str], seconds: float) -> TokenizedPrompts:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def generator(kind: type[PublishedModel] = PublishedModel) -> Generator:
    return Generator(model(kind), read_card(PARITY), "cpu", "float32")


def model(kind: type[PublishedModel] = PublishedModel) -> SoundModel:
    loaded, _ = load_model(PARITY)
    loaded.__class__ = kind
    return loaded


@pytest.fixture(scope="module")
def usual() -> Clip:
    made = generator().generate(RECIPE)
    assert made.notice == ""
    return made.clip


@pytest.mark.parametrize("room", [9, 8])
def test_a_sound_that_does_not_fit_is_decoded_in_parts_and_that_is_said(
    usual: Clip, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    monkeypatch.setattr(Cramped, "room", room)
    cramped = generator(Cramped)
    made = cramped.generate(RECIPE)
    assert np.abs(made.clip.samples - usual.samples).max() < 1e-5
    assert made.notice == IN_WINDOWS
    monkeypatch.setattr(Cramped, "room", 16)
    assert cramped.generate(RECIPE).notice == ""


def test_a_kit_that_does_not_fit_is_made_in_parts_and_that_is_said(usual: Clip) -> None:
    crowded, most = generator(), 2
    tokenize = crowded.model.tokenize

    def asks(prompts: list[str], seconds: float) -> object:
        if len(prompts) > most:
            raise torch.OutOfMemoryError("out of memory")
        return tokenize(prompts, seconds)

    crowded.model.tokenize = asks  # type: ignore[method-assign, assignment]
    made = list(crowded.generate_all([RECIPE] * 5))
    assert len(made) == 5
    for each in made:
        assert np.abs(each.clip.samples - usual.samples).max() < 1e-4
    assert FEWER_AT_ONCE in {each.notice for each in made}


def test_where_nothing_fits_the_player_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cramped, "room", 7)
    with pytest.raises(EngineError, match="close other programs, ask for fewer"):
        generator(Cramped).generate(RECIPE)


def test_little_free_memory_makes_small_windows_from_the_start(
    usual: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cramped, "room", 10)
    monkeypatch.setattr(decoding, "free_bytes", lambda device: 10 * 2 * 2048 * 2048)
    made = generator(Cramped).generate(RECIPE)
    assert np.abs(made.clip.samples - usual.samples).max() < 1e-5
    assert made.notice == ""


def test_a_full_gpu_gives_way_to_the_processor(usual: Clip) -> None:
    moved = Generator(model(Elsewhere), read_card(PARITY), "cuda", "float32", model)
    assert moved.device == "cuda"
    made = moved.generate(RECIPE)
    assert (moved.device, made.notice) == ("cpu", ON_THE_CPU)
    assert made.clip.frames == usual.frames
    assert moved.generate(RECIPE).notice == ""


class Full(PublishedModel):
    """A model whose GPU has no room for it."""

    def to(self, *args: object, **kwargs: object) -> Full:
        if args[0] == "cuda":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return self


def test_beside_another_process_a_full_gpu_is_left_to_that_one_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(generator_module, "choose_device", lambda wanted: "cuda")
    monkeypatch.setattr(
        generator_module, "load_model", lambda folder: (model(Full), read_card(PARITY))
    )
    assert load_generator(PARITY).device == "cpu"
    with pytest.raises(InsufficientMemoryError):
        load_generator(PARITY, beside=True)


def test_memory_that_ends_while_a_model_is_loaded_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(folder: Path) -> None:
        raise MemoryError

    monkeypatch.setattr(generator_module, "load_model", load)
    with pytest.raises(InsufficientMemoryError, match="close other programs"):
        load_generator(PARITY)


def test_without_another_way_a_full_gpu_is_said() -> None:
    with pytest.raises(EngineError, match="not enough memory"):
        Generator(model(Elsewhere), read_card(PARITY), "cuda").generate(RECIPE)


def test_bugs_are_not_taken_for_short_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = generator()
    monkeypatch.setattr(broken.model, "decode_windows", lambda *given: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        broken.generate(RECIPE)
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert is_out_of_memory(MemoryError())
    try:
        torch.empty(1 << 50)
    except RuntimeError as error:
        assert is_out_of_memory(error)


def test_the_beginning_is_heard_before_the_rest_and_is_the_same(
    usual: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "PREVIEW_LATENTS", 4)
    heard: list[Clip] = []
    made = generator().generate(RECIPE, on_preview=heard.append)
    (beginning,) = heard
    assert beginning.frames == 4 * 2048
    kept = beginning.frames - round(FADE_S * 44_100)
    assert np.abs(beginning.samples[:kept] - usual.samples[:kept]).max() < 1e-5
    assert beginning.samples[-1].tolist() == [0.0, 0.0]
    assert np.abs(made.clip.samples - usual.samples).max() < 1e-5
    generator().generate(replace(RECIPE, seconds=0.37), on_preview=heard.append)
    assert len(heard) == 1


def test_a_model_that_does_not_fit_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "big" / "model.safetensors"
    path.parent.mkdir()
    with path.open("wb") as file:
        file.truncate(GIB)  # a hole: no room is taken
    check_memory(path, 3 * GIB)
    check_memory(path, None)
    said = "big needs about 2.2 GB of free memory, and 2.0 GB are free: close other programs"
    with pytest.raises(EngineError, match=said):
        check_memory(path, 2 * GIB)
    monkeypatch.setattr(weights, "free_bytes", lambda: 2 * GIB)
    with pytest.raises(EngineError, match=said):
        weights.read_tensors(path)


def test_free_memory_is_known_here() -> None:
    free = free_bytes()
    assert free is not None and GIB // 8 < free < 1 << 44
