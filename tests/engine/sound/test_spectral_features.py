"""Sound to phase-free frames and back: what the ear follows must survive."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.sound.spectral_features import (
    FORMATS,
    FRAME,
    LAYOUT,
    ONE_WINDOW,
    RATE_HZ,
    SUBFRAME,
    TWO_WINDOWS,
    FrameFormat,
    analyse,
    bin_positions,
    bins_of_format,
    frame_count,
    mid_side_power,
    split_bands,
)
from engine.sound.spectral_synthesis import synthesise
from tests.fakes.engine.tiny_model import noise, sine

Samples = NDArray[np.float64]


BOTH = pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)


def there_and_back(audio: Tensor, form: FrameFormat = ONE_WINDOW) -> Samples:
    made = synthesise(analyse(audio, form)[0], form=form)
    return np.asarray(made[:, : audio.shape[-1]].double().numpy())


def hertz_of(mono: Samples) -> float:
    """Frequency of the strongest partial, by a parabola through its log spectrum."""
    size = 32_768
    spectrum = np.log(np.abs(np.fft.rfft(mono[4096 : 4096 + size] * np.hanning(size))))
    k = int(spectrum.argmax())
    a, b, c = spectrum[k - 1 : k + 2]
    return float((k + 0.5 * (a - c) / (a - 2 * b + c)) * RATE_HZ / size)


def bands_db(mono: Samples) -> Samples:
    """Level in dB of 16 equal bands."""
    frames = mono[: len(mono) // 4096 * 4096].reshape(-1, 4096) * np.hanning(4096)
    power = np.square(np.abs(np.fft.rfft(frames))).mean(0)[1:2049]
    return np.asarray(10 * np.log10(power.reshape(16, -1).mean(1)))


def crest(mono: Samples) -> float:
    """Strongest partial above the mean one: noise has about 10, a tone hundreds."""
    spectrum = np.abs(np.fft.rfft(mono[4096:-4096] * np.hanning(len(mono) - 8192)))
    return float(spectrum.max() / spectrum.mean())


def level(samples: Samples) -> float:
    return float(np.sqrt(np.square(samples[..., 4096:-4096]).mean()))


@BOTH
@pytest.mark.parametrize("hertz", [41.2, 55.0, 110.0, 261.63, 440.0, 1480.0, 5000.0, 12_000.0])
def test_a_tone_keeps_its_pitch_and_level(hertz: float, form: FrameFormat) -> None:
    made = there_and_back(sine(hertz, 1.0), form)
    assert abs(1200 * np.log2(hertz_of(made[0]) / hertz)) < 5
    assert level(made) == pytest.approx(0.5 / 2**0.5, rel=0.02)


def test_the_phase_of_a_tone_changes_nothing_but_the_edges() -> None:
    moved = torch.roll(sine(440, 1.0), 37, dims=-1)
    inside = slice(3, -3)
    assert torch.allclose(
        analyse(sine(440, 1.0))[0, inside, LAYOUT.envelope],
        analyse(moved)[0, inside, LAYOUT.envelope],
        atol=0.05,
    )


def test_a_chord_keeps_its_tones() -> None:
    made = there_and_back((sine(220, 1.0) + sine(277.18, 1.0) + sine(329.63, 1.0)) / 3)[0]
    spectrum = np.abs(np.fft.rfft(made[4096 : 4096 + 32_768] * np.hanning(32_768)))
    for hertz in (220, 277.18, 329.63):
        k = round(hertz * 32_768 / RATE_HZ)
        assert spectrum[k - 2 : k + 3].max() > 0.5 * spectrum.max()


@BOTH
def test_noise_keeps_its_spectrum(form: FrameFormat) -> None:
    sound = noise(1.0)
    made = there_and_back(sound, form)
    difference = bands_db(made[0]) - bands_db(sound[0, 0].double().numpy())
    assert np.abs(difference).max() < 1.5


def test_noise_stays_noise_and_a_tone_stays_a_tone() -> None:
    hiss, tone = (analyse(sound)[0, 4:-4, LAYOUT.noise] for sound in (noise(0.5), sine(440, 0.5)))
    assert tone.min() == pytest.approx(-1, abs=0.05)
    assert hiss.mean() > tone.min() + 0.5
    assert crest(there_and_back(noise(1.0))[0]) < 20
    assert crest(there_and_back(sine(440, 1.0))[0]) > 60


@BOTH
def test_a_click_stays_at_its_place(form: FrameFormat) -> None:
    sound = torch.zeros(1, 2, 20_000)
    sound[..., 9_000:9_200] = noise(0.1)[..., :200] * 3
    made = np.square(there_and_back(sound, form)).sum(0)
    first = np.flatnonzero(np.cumsum(made) > 0.1 * made.sum())[0]
    assert abs(first - 9_000) < 300
    assert made[:8_000].sum() < 0.02 * made.sum()


@pytest.mark.parametrize("samples", [1, 2, 127, 1023, 1024, 1025, 30_000])
def test_silence_stays_silence_at_any_length(samples: int) -> None:
    frames = analyse(torch.zeros(1, 2, samples))
    made = synthesise(frames[0])
    assert made.shape == (2, frame_count(samples) * FRAME)
    assert torch.isfinite(frames).all()
    assert made.abs().max() < 1e-4


@pytest.mark.parametrize("samples", [1, 2, 127, 1023, 1024, 1025, 30_000])
def test_any_length_becomes_whole_frames(samples: int) -> None:
    frames = analyse(noise(1.0)[..., :samples])
    assert frames.shape == (1, frame_count(samples), LAYOUT.size)
    assert frames.dtype == torch.float32
    made = synthesise(frames[0])
    assert torch.isfinite(frames).all() and torch.isfinite(made).all()
    assert made.shape == (2, frame_count(samples) * FRAME)


@BOTH
def test_twelve_seconds_are_twelve_seconds(form: FrameFormat) -> None:
    made = there_and_back(sine(220, 12.0), form)
    assert made.shape == (2, 12 * RATE_HZ)
    assert abs(1200 * np.log2(hertz_of(made[0, -50_000:]) / 220)) < 5


def test_parts_are_about_as_large_as_a_network_likes() -> None:
    sounds = torch.cat([sine(110, 0.5), noise(0.5), sine(3000, 0.5, 0.01, 0.01)])
    frames = analyse(sounds)
    assert frames.abs().max() < 4
    assert analyse(torch.ones(1, 2, 5000)).abs().max() < 4


@BOTH
@pytest.mark.parametrize(("left", "right"), [(0.5, 0.125), (0.1, 0.5), (0.5, 0.5)])
def test_balance_survives(left: float, right: float, form: FrameFormat) -> None:
    made = there_and_back(sine(440, 0.6, left, right), form)
    assert level(made[1]) / level(made[0]) == pytest.approx(right / left, rel=0.05)


@BOTH
def test_one_silent_side_stays_nearly_silent(form: FrameFormat) -> None:
    made = there_and_back(sine(440, 0.6, 0.5, 0.0), form)
    assert level(made[1]) < 0.06 * level(made[0])


@BOTH
def test_width_survives(form: FrameFormat) -> None:
    wide = torch.cat([noise(1.0, seed=1)[:, :1], noise(1.0, seed=2)[:, :1]], dim=1)
    between = [np.corrcoef(*there_and_back(sound, form))[0, 1] for sound in (wide, noise(1.0))]
    assert between[0] < 0.5
    assert between[1] > 0.99


@BOTH
@pytest.mark.parametrize("hertz", [55.0, 220.0, 1480.0, 5000.0])
def test_a_tone_in_anti_phase_keeps_its_pitch_level_and_width(
    hertz: float, form: FrameFormat
) -> None:
    made = there_and_back(sine(hertz, 1.0, 0.5, -0.5) + noise(1.0, 1e-4), form)
    assert abs(1200 * np.log2(hertz_of(made[0]) / hertz)) < 5
    assert level(made) == pytest.approx(0.5 / 2**0.5, rel=0.02)
    assert level(made.sum(0)) < 0.05 * level(made[0] - made[1])


@pytest.mark.parametrize("degrees", [30, 60, 90, 120, 150])
def test_a_lone_tone_is_as_wide_as_it_was(degrees: int) -> None:
    time = torch.arange(44_100) / RATE_HZ * 2 * torch.pi * 440
    sides = torch.stack([torch.sin(time), torch.sin(time + degrees / 180 * torch.pi)]) / 2
    frames = analyse(sides[None])[0]
    # Where the sides change places inside the tone it is narrower: chance puts that elsewhere.
    made = [np.corrcoef(synthesise(frames, seed).numpy())[0, 1] for seed in range(5)]
    assert np.median(made) == pytest.approx(np.cos(np.deg2rad(degrees)), abs=0.1)


def test_the_seed_draws_the_noise() -> None:
    frames = analyse(noise(0.2))[0]
    assert torch.equal(synthesise(frames, 5), synthesise(frames, 5))
    assert not torch.equal(synthesise(frames, 5), synthesise(frames, 6))
    assert torch.isfinite(synthesise(frames, 2**63 - 1)).all()


def test_frames_of_a_batch_are_those_of_each_sound_alone() -> None:
    sounds = torch.cat([sine(440, 0.3), noise(0.3)])
    together = analyse(sounds)
    for i in range(2):
        assert torch.allclose(together[i], analyse(sounds[i : i + 1])[0], atol=1e-3)


def test_energies_shape_an_attack_but_hardly_add_to_the_spectra() -> None:
    frames = analyse(sine(440, 0.5))[0]
    plain = level(synthesise(frames).double().numpy())
    for change, share in ((1.0, 1.5), (-0.5, np.exp(-0.5 * 5 / 2))):
        changed = frames.clone()
        changed[:, LAYOUT.envelope] += change
        assert level(synthesise(changed).double().numpy()) / plain == pytest.approx(share, rel=0.05)


def test_wild_frames_make_finite_sound() -> None:
    frames = torch.randn(6, LAYOUT.size, generator=torch.Generator().manual_seed(0)) * 100
    assert torch.isfinite(synthesise(frames)).all()


def test_bands_sum_to_the_sound() -> None:
    sound = noise(0.2)
    bands = split_bands(sound)
    assert torch.allclose(bands.sum(-2), sound, atol=1e-6)
    low, high = split_bands(sine(100, 0.5))[0, 0, :, 4000:-4000].square().mean(-1)
    assert low > 1e4 * high
    low, high = split_bands(sine(4000, 0.5))[0, 0, :, 4000:-4000].square().mean(-1)
    assert high > 1e4 * low


def test_two_windows_hold_a_third_that_one_window_melts() -> None:
    chord = (sine(110.0, 1.5) + sine(130.8, 1.5) + sine(164.8, 1.5)) / 3

    def dip(form: FrameFormat) -> float:
        """By how much the spectrum falls between root and third, of what the weaker one has."""
        made = there_and_back(chord, form)[0][4096 : 4096 + 32_768]
        spectrum = np.abs(np.fft.rfft(made * np.hanning(32_768)))
        root, between, third = (
            spectrum[round(hertz * 32_768 / RATE_HZ) - 2 :][:5].max()
            for hertz in (110, 120.5, 130.8)
        )
        return float(between / min(root, third))

    assert dip(TWO_WINDOWS) < 0.1 < dip(ONE_WINDOW)


@pytest.mark.parametrize("hertz", [250.0, 300.0, 330.0, 350.0, 380.0, 430.0, 520.0])
def test_nothing_cancels_at_the_crossover_of_two_windows(hertz: float) -> None:
    made = there_and_back(sine(hertz, 1.0), TWO_WINDOWS)
    assert level(made) == pytest.approx(0.5 / 2**0.5, rel=0.03)
    envelope = np.sqrt(np.convolve(np.square(made[0]), np.ones(1764) / 1764, "same"))[8_000:-8_000]
    assert envelope.max() / envelope.min() < 1.1


def test_an_attack_in_the_middle_of_a_frame_is_sharper_with_two_windows() -> None:
    sound = torch.zeros(1, 2, 22_050)
    sound[..., 5_300:] = noise(0.5)[..., : 22_050 - 5_300]

    def early(form: FrameFormat) -> float:
        made = np.square(there_and_back(sound, form)).sum(0)
        return float(made[: 5_300 - SUBFRAME].sum() / made.sum())

    assert early(TWO_WINDOWS) < 0.2 * early(ONE_WINDOW)


def test_a_struck_tone_begins_with_the_sound_and_not_at_the_middle_of_a_window() -> None:
    time = torch.arange(8_000) / RATE_HZ
    kick = torch.sin(2 * torch.pi * 60 * time) * torch.exp(-12 * time)
    sound = torch.zeros(1, 2, 16_000)
    sound[..., 3_000:11_000] = kick
    made = there_and_back(sound, TWO_WINDOWS)[0]
    quarter = RATE_HZ / 60 / 4
    assert np.argmax(np.abs(made)) == pytest.approx(3_000 + quarter, abs=200)


def test_bins_of_two_windows_stand_for_rising_frequencies_twice() -> None:
    positions = bin_positions(TWO_WINDOWS)
    assert len(positions) == TWO_WINDOWS.bins
    low, high = positions[: TWO_WINDOWS.low_bins], positions[TWO_WINDOWS.low_bins :]
    assert torch.equal(low.diff(), torch.full((len(low) - 1,), 0.5))
    assert torch.equal(high.diff(), torch.ones(len(high) - 1))
    line = torch.arange(1025.0)
    assert torch.equal(bins_of_format(line, TWO_WINDOWS), positions)


@BOTH
def test_the_power_of_mid_and_side_is_that_of_the_sound(form: FrameFormat) -> None:
    mono, anti = (
        mid_side_power(analyse(sine(440, 0.5, 0.5, right), form), form)[0, :, 8:-8].sum((1, 2))
        for right in (0.5, -0.5)
    )
    assert mono[0] > 20 * mono[1]
    assert anti[1] > 20 * anti[0]
