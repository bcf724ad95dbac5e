"""The codec around the frames: shapes, lengths, statistics, and nonsense refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from engine.models.spectral_codec import SpectralCodec, SpectralCodecConfig
from engine.sound.spectral_features import LAYOUT
from tests.fakes.engine.tiny_model import LATENT_DIM, RATE_HZ, noise, sine, tiny_codec


@pytest.fixture(scope="module")
def codec() -> SpectralCodec:
    return tiny_codec()


@pytest.mark.parametrize("samples", [1, 1024, 1025, 12_345])
@torch.inference_mode()
def test_latents_cover_the_sound(codec: SpectralCodec, samples: int) -> None:
    latents = codec.encode(noise(0.5)[..., :samples])
    assert latents.shape == (1, LATENT_DIM, codec.latents_for(samples))
    made = codec.decode(latents)
    assert made.shape == (1, 2, latents.shape[-1] * codec.samples_per_latent)
    assert torch.isfinite(made).all()


@torch.inference_mode()
def test_a_sound_it_knows_comes_back(codec: SpectralCodec) -> None:
    sound = sine(220, 0.5)
    made = codec.decode(codec.encode(sound))[0, 0, : sound.shape[-1]]
    spectrum = torch.fft.rfft(made[2048:-2048] * torch.hann_window(len(made) - 4096)).abs()
    hertz = spectrum.argmax() * RATE_HZ / (len(made) - 4096)
    assert hertz.item() == pytest.approx(220, rel=0.07)


@torch.inference_mode()
def test_silence_in_is_next_to_silence_out(codec: SpectralCodec) -> None:
    loud = codec.decode(codec.encode(sine(220, 0.3))).square().mean()
    quiet = codec.decode(codec.encode(torch.zeros(1, 2, 13_000)))
    assert torch.isfinite(quiet).all()
    assert quiet.square().mean() < 0.01 * loud


@torch.inference_mode()
def test_a_sound_that_is_loud_at_once_begins_without_a_step(codec: SpectralCodec) -> None:
    made = codec.decode(codec.encode(sine(220, 0.3)))
    assert made[..., 0].abs().max() == 0
    assert made[..., :100].diff().abs().max() < 0.3 * made.abs().max()


@torch.inference_mode()
def test_items_of_a_batch_have_seeds_of_their_own(codec: SpectralCodec) -> None:
    latents = codec.encode(noise(0.2)).expand(2, -1, -1)
    first, second = codec.decode(latents, seed=3)
    assert not torch.equal(first, second)
    torch.testing.assert_close(codec.decode(latents[:1], seed=4)[0], second)


@torch.inference_mode()
def test_latents_have_the_measured_statistics_taken_out(codec: SpectralCodec) -> None:
    latents = codec.encode(sine(220, 0.3))
    codec_of_zeros = codec.posterior(torch.zeros(1, 2, LAYOUT.size))[0]
    assert codec_of_zeros.shape == (1, 2, LATENT_DIM)
    assert latents.abs().mean() < 3


@torch.inference_mode()
def test_wild_latents_make_finite_sound(codec: SpectralCodec) -> None:
    latents = torch.randn(1, LATENT_DIM, 8, generator=torch.Generator().manual_seed(0)) * 1e3
    assert torch.isfinite(codec.decode(latents)).all()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"latent_dim": 0}, "latent_dim must be at least 1, got 0"),
        ({"decoder_layers": -1}, "decoder_layers must be at least 1, got -1"),
        ({"kernel": 4}, "kernel must be odd and at least 1, got 4"),
        ({"kernel": -1}, "kernel must be odd and at least 1, got -1"),
    ],
)
def test_impossible_sizes_are_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SpectralCodecConfig(**config)


def small(**changes: object) -> SpectralCodec:
    torch.manual_seed(0)
    return SpectralCodec(SpectralCodecConfig(8, 16, 1, 1, 2, 3, **changes)).eval()  # type: ignore[arg-type]


@torch.inference_mode()
def test_a_codec_of_two_windows_codes_its_own_frames() -> None:
    codec = small(frames="two-windows", variational=False)
    latents = codec.encode(noise(0.3))
    assert latents.shape == (1, 8, codec.latents_for(round(0.3 * RATE_HZ)))
    assert torch.isfinite(codec.decode(latents)).all()
    assert codec.encoder_out.out_features == 8


@torch.inference_mode()
def test_a_decoder_hears_of_the_noise_only_where_it_is_conditioned_on_it() -> None:
    code = torch.randn(2, 5, 8)
    levels = torch.tensor([0.0, 0.4])
    plain, told = small(), small(noise_conditioned=True)
    assert torch.equal(plain.frames_from_code(code, levels), plain.frames_from_code(code))
    torch.nn.init.normal_(told.noise_out.weight)
    with_noise, without = told.frames_from_code(code, levels), told.frames_from_code(code)
    assert torch.equal(with_noise[0], without[0])
    assert not torch.allclose(with_noise[1], without[1])
    assumed = small(noise_conditioned=True, assumed_noise=0.4)
    assumed.load_state_dict(told.state_dict())
    torch.testing.assert_close(assumed.frames_from_code(code)[1], with_noise[1])


@pytest.mark.parametrize(("name", "value"), [("frames", "none"), ("assumed_noise", 2.0)])
def test_formats_and_noise_that_do_not_exist_are_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        SpectralCodecConfig(**{name: value})  # type: ignore[arg-type]
