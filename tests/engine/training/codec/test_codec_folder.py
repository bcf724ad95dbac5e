"""A codec by itself on disk: what is written comes back, and what is broken is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.library.card import Trained
from engine.models.spectral_codec import SpectralCodec, SpectralCodecConfig
from engine.training.codec.codec_folder import CODEC_CONFIG, CODEC_WEIGHTS, write_codec
from engine.training.pretrained import load_codec
from engine.training.run.errors import RunError
from tests.fakes.engine.tiny_model import noise

SIZES = SpectralCodecConfig(
    8, 16, 1, 1, 2, 3, "two-windows", variational=False, noise_conditioned=True, assumed_noise=0.1
)


@pytest.fixture
def codec() -> SpectralCodec:
    torch.manual_seed(0)
    return SpectralCodec(SIZES).eval()


def test_a_codec_comes_back_as_it_was_written(codec: SpectralCodec, tmp_path: Path) -> None:
    write_codec(codec, Trained("noise", ("train it",), "2 steps"), tmp_path / "codec")
    found = load_codec(tmp_path / "codec")
    assert found.config == SIZES
    with torch.inference_mode():
        sound = noise(0.3)
        torch.testing.assert_close(found.encode(sound), codec.encode(sound), atol=0.02, rtol=0.02)
    assert found.encoder_in.weight.dtype == torch.float32


def test_a_broken_codec_is_named(codec: SpectralCodec, tmp_path: Path) -> None:
    write_codec(codec, Trained("noise"), tmp_path)
    text = (tmp_path / CODEC_CONFIG).read_text()
    (tmp_path / CODEC_CONFIG).write_text(text.replace("width = 16", "width = 32"))
    with pytest.raises(RunError, match="cannot be used"):
        load_codec(tmp_path)
    (tmp_path / CODEC_CONFIG).write_text(text.replace("width", "breadth"))
    with pytest.raises(RunError, match="breadth"):
        load_codec(tmp_path)
    (tmp_path / CODEC_CONFIG).write_text(text)
    (tmp_path / CODEC_WEIGHTS).unlink()
    with pytest.raises(RunError, match=CODEC_WEIGHTS):
        load_codec(tmp_path)


def test_weights_that_diverged_are_not_written(codec: SpectralCodec, tmp_path: Path) -> None:
    with torch.no_grad():
        codec.encoder_in.weight[0, 0] = 1e9
    with pytest.raises(RunError, match=r"encoder_in\.weight"):
        write_codec(codec, Trained("noise"), tmp_path / "codec")
    assert not (tmp_path / "codec").exists()
