"""Stable Audio's autoencoder: the reference's numbers, and exact decoding in parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from engine.models.oobleck import Oobleck, OobleckConfig, Snake

DATA = Path(__file__).parents[2] / "data" / "parity"
PREFIX = "pretransform.model."
SMALL = OobleckConfig(channels=4)


def relative_error(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())


@pytest.fixture(scope="module")
def published() -> dict[str, Tensor]:
    weights = load_file(DATA / "model.safetensors")
    return {k.removeprefix(PREFIX): v for k, v in weights.items() if k.startswith(PREFIX)}


@pytest.fixture(scope="module")
def codec(published: dict[str, Tensor]) -> Oobleck:
    codec = Oobleck(SMALL)
    codec.load_state_dict(Oobleck.fold_weight_norm(published))
    return codec.eval()


@pytest.fixture(scope="module")
def data() -> dict[str, Tensor]:
    return load_file(DATA / "autoencoder.safetensors")


def test_it_wants_exactly_the_published_tensors(
    codec: Oobleck, published: dict[str, Tensor]
) -> None:
    assert codec.published_shapes() == {name: tensor.shape for name, tensor in published.items()}


@torch.inference_mode()
def test_the_encoder_is_that_of_the_reference(codec: Oobleck, data: dict[str, Tensor]) -> None:
    assert relative_error(codec.encoder(data["audio"]), data["encoder_out"]) < 2e-5
    mean, deviation = codec.posterior(data["audio"])
    assert relative_error(mean, data["mean"]) < 2e-5
    wanted = torch.nn.functional.softplus(data["scale"]) + 1e-4
    assert relative_error(deviation, wanted) < 2e-5


@torch.inference_mode()
def test_latents_are_drawn_as_in_the_reference(codec: Oobleck, data: dict[str, Tensor]) -> None:
    latents = codec.encode(data["audio"], data["vae_noise"])
    assert relative_error(latents, data["latents_sampled"]) < 2e-5


@pytest.mark.parametrize(("latents", "audio"), [("z", "decode_z"), ("mean", "decode_mean")])
@torch.inference_mode()
def test_the_decoder_is_that_of_the_reference(
    codec: Oobleck, data: dict[str, Tensor], latents: str, audio: str
) -> None:
    assert relative_error(codec.decode(data[latents]), data[audio]) < 5e-5


@torch.no_grad()
def test_every_part_is_what_decoding_all_gives(codec: Oobleck) -> None:
    exact = Oobleck(SMALL).double()
    exact.load_state_dict(codec.state_dict())
    latents = torch.randn(1, 64, 50, generator=torch.Generator().manual_seed(0)).double()
    whole = exact.decode(latents)
    scale = whole.abs().max()
    for first, count in ((0, 1), (0, 50), (3, 5), (24, 2), (45, 5), (49, 1)):
        part = exact.decode_part(latents, first, count)
        wanted = whole[..., first * 2048 : (first + count) * 2048]
        assert part.shape == wanted.shape
        assert (part - wanted).abs().max() / scale < 1e-13
    for first, window in ((1, 1), (1, 16), (32, 16), (7, 49), (50, 50), (64, 64)):
        pieces = list(exact.decode_windows(latents, 50, first, window))
        assert (torch.cat(pieces, dim=-1) - whole).abs().max() / scale < 1e-13
        assert pieces[0].shape[-1] == min(first, window, 50) * 2048
    asked = torch.cat(list(exact.decode_windows(latents, 23, 9, 8)), dim=-1)
    assert (asked - whole[..., : 23 * 2048]).abs().max() / scale < 1e-13


@torch.no_grad()
def test_less_context_would_not_be_enough(codec: Oobleck) -> None:
    exact = Oobleck(SMALL).double()
    exact.load_state_dict(codec.state_dict())
    assert SMALL.context == 10
    latents = torch.randn(1, 64, 20, generator=torch.Generator().manual_seed(1)).double()
    difference = (exact.decode(latents[..., :19]) - exact.decode(latents)[..., : 19 * 2048]).abs()
    # Ten latents before the end all is the same; nine before it no longer.
    assert difference[..., : 9 * 2048].max() < 1e-13
    assert difference[..., 9 * 2048 : 10 * 2048].max() > 1e-11


@pytest.mark.parametrize("strides", [(2,), (2, 2), (8, 8), (4, 2, 6)])
@torch.no_grad()
def test_other_strides_need_other_context(strides: tuple[int, ...]) -> None:
    config = OobleckConfig(2, (2,) * len(strides), strides, 3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        codec = Oobleck(config).double()
    length = 3 * config.context
    latents = torch.randn(1, 3, length, generator=torch.Generator().manual_seed(4)).double()
    whole = codec.decode(latents)
    part = codec.decode_part(latents, config.context, config.context)
    wanted = whole[..., config.context * config.samples_per_latent :][..., : part.shape[-1]]
    assert (part - wanted).abs().max() / whole.abs().max() < 1e-13


def test_snake_in_place_is_the_snake_that_learns() -> None:
    snake = Snake(3)
    with torch.no_grad():
        snake.frequency.copy_(torch.tensor([[0.5], [1.0], [3.0]]))
        snake.scale.copy_(torch.tensor([[2.0], [1.0], [0.1]]))
    x = torch.randn(2, 3, 11, generator=torch.Generator().manual_seed(2))
    before = x.clone()
    learning = snake(x)
    with torch.inference_mode():
        playing = snake(x)
    assert torch.equal(x, before)
    assert torch.allclose(learning, playing, atol=1e-6)
    assert learning.requires_grad


def test_folding_leaves_the_checkpoint_as_it_is(published: dict[str, Tensor]) -> None:
    before = {name: tensor.clone() for name, tensor in published.items()}
    Oobleck.fold_weight_norm(published)
    for name, tensor in published.items():
        assert torch.equal(tensor, before[name])


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"channels": 0}, "channels must be at least 1, got 0"),
        ({"strides": (2, 4)}, "as many multiples as strides, got 5 and 2"),
        ({"strides": (2, 4, 4, 8, 3)}, "strides must be even"),
        ({"multiples": (1, 2, 4, 8, 0)}, "multiples must be at least 1"),
        ({"strides": (), "multiples": ()}, "as many multiples as strides"),
    ],
)
def test_sizes_that_cannot_be_are_refused(sizes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        OobleckConfig(**sizes)
