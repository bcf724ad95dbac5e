"""Blocks that work a stretch of time at a time: the same numbers, whatever the lengths."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from engine.acceleration import tiles
from engine.acceleration.layouts import lay_channels_last
from engine.acceleration.tiles import TiledLayers, tile_codec
from engine.models.oobleck import Oobleck, OobleckConfig

CONFIG = OobleckConfig(channels=4, latent_dim=8)


@pytest.fixture
def exact() -> Oobleck:
    """In double precision, so that only a wrong reach can differ."""
    torch.manual_seed(0)
    return Oobleck(CONFIG).double().eval()


def tiled(exact: Oobleck, numbers: int, monkeypatch: pytest.MonkeyPatch) -> Oobleck:
    monkeypatch.setattr(tiles, "TILE", numbers)
    codec = deepcopy(exact)
    tile_codec(codec)
    return codec


def sizes_seen(codec: Oobleck) -> list[int]:
    """Lengths that go into the parts from now on."""
    seen: list[int] = []

    def note(module: nn.Module, given: tuple[Tensor]) -> None:
        seen.append(given[0].shape[-1])

    for part in codec.modules():
        if isinstance(part, TiledLayers):
            part.part.register_forward_pre_hook(note)
    return seen


@pytest.mark.parametrize("numbers", [64, 1000, 4096, 1 << 20])
@torch.inference_mode()
def test_a_decoded_sound_is_the_same_in_tiles(
    exact: Oobleck, numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec = tiled(exact, numbers, monkeypatch)
    seen = sizes_seen(codec)
    for latents in (1, 2, 19):
        z = torch.randn(1, CONFIG.latent_dim, latents, dtype=torch.float64)
        assert (codec.decode(z) - exact.decode(z)).abs().max() < 1e-12
    assert (len(seen) > 3 * len(CONFIG.strides)) == (numbers < 1 << 20)


@pytest.mark.parametrize("numbers", [64, 4096])
@torch.inference_mode()
def test_an_encoded_sound_is_the_same_in_tiles(
    exact: Oobleck, numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec = tiled(exact, numbers, monkeypatch)
    for latents in (1, 2, 9):
        audio = torch.randn(2, 2, latents * CONFIG.samples_per_latent, dtype=torch.float64)
        for ours, theirs in zip(codec.posterior(audio), exact.posterior(audio), strict=True):
            assert ours.shape == theirs.shape
            assert (ours - theirs).abs().max() < 1e-12


@torch.inference_mode()
def test_every_block_reaches_as_far_as_it_must(
    exact: Oobleck, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec = tiled(exact, 64, monkeypatch)
    # Snakes of noise see even what comes from the far end of a reach.
    for part in [part for part in codec.modules() if isinstance(part, TiledLayers)]:
        part.reach -= 2 * part.shrinks
    z = torch.randn(1, CONFIG.latent_dim, 19, dtype=torch.float64)
    assert (codec.decode(z) - exact.decode(z)).abs().max() > 1e-12


@torch.inference_mode()
def test_tiles_go_with_channels_last_and_come_once(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Oobleck(CONFIG).eval()
    codec = tiled(plain, 4096, monkeypatch)
    lay_channels_last(codec)
    before = [type(part) for part in codec.modules()]
    tile_codec(codec)
    lay_channels_last(codec)
    assert [type(part) for part in codec.modules()] == before
    z = torch.randn(1, CONFIG.latent_dim, 19)
    wanted = plain.decode(z)
    assert (codec.decode(z) - wanted).abs().max() < 1e-5 * wanted.abs().max()
