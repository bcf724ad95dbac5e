"""The audio-text model: what it must not hear, and what it must."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from engine.models.contrastive import ContrastiveConfig, ContrastiveModel
from engine.sound.mel import HOP

WORDS = ("kick", "snare", "deep", "bass", "bpm")


@pytest.fixture(scope="module")
def model() -> ContrastiveModel:
    torch.manual_seed(0)
    config = ContrastiveConfig(dims=8, width=16, dilations=(1, 2), text_layers=1, heads=2)
    return ContrastiveModel(config, WORDS).eval().requires_grad_(False)


def sound(frames: int = 30) -> torch.Tensor:
    return 0.2 * torch.randn(2, 2, frames * HOP, generator=torch.Generator().manual_seed(1))


def test_embeddings_are_unit_vectors(model: ContrastiveModel) -> None:
    for vectors in (model.embed_audio(sound()), model.embed_text(["kick", "deep bass A1"])):
        torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))


@pytest.mark.parametrize("silence", [1, 5 * HOP, 40 * HOP + 7])
def test_silence_after_a_sound_makes_no_difference(model: ContrastiveModel, silence: int) -> None:
    faded = sound() * torch.linspace(1, 0, 30 * HOP).square()
    longer = functional.pad(faded, (0, silence))
    torch.testing.assert_close(model.embed_audio(longer), model.embed_audio(faded))


def test_silence_before_a_sound_is_heard(model: ContrastiveModel) -> None:
    late = functional.pad(sound(), (9 * HOP, 0))
    assert (model.embed_audio(late) - model.embed_audio(sound())).abs().max() > 1e-3


def test_a_batch_embeds_each_sound_as_if_alone(model: ContrastiveModel) -> None:
    torch.testing.assert_close(model.embed_audio(sound())[1:], model.embed_audio(sound()[1:]))
    both = model.embed_text(["kick", "deep bass at 120 bpm"])
    torch.testing.assert_close(both[:1], model.embed_text(["kick"]))


def test_order_of_words_makes_no_difference_notes_and_numbers_do(model: ContrastiveModel) -> None:
    said = model.embed_text(["deep bass A1", "A1 bass, deep", "deep bass A2", "deep bass 120"])
    torch.testing.assert_close(said[0], said[1])
    assert min((said[0] - other).abs().max() for other in said[2:]) > 1e-3


def test_silence_and_an_empty_prompt_have_an_embedding(model: ContrastiveModel) -> None:
    assert torch.isfinite(model.embed_audio(torch.zeros(1, 2, 100))).all()
    assert torch.isfinite(model.embed_text([""])).all()


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"width": 10}, "width must be a multiple of heads 4, got 10"),
        ({"dims": 0}, "dims must be at least 1"),
        ({"dilations": ()}, "dilations must be 1 or more"),
    ],
)
def test_sizes_that_make_no_network_are_refused(wrong: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        ContrastiveConfig(**wrong)
