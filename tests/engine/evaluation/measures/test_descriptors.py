"""Measures on sounds whose pitch, tempo, colour and length are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.clip import Clip
from engine.evaluation.measures.descriptors import (
    Descriptors,
    describe,
    estimate_pitch,
    estimate_tempo,
)

RATE = 44_100
Samples = NDArray[np.float64]


def seconds(length: float) -> Samples:
    return np.asarray(np.arange(round(length * RATE)) / RATE)


def sine(note: float, length: float = 0.5) -> Samples:
    return np.asarray(0.5 * np.sin(2 * np.pi * 440 * 2 ** ((note - 69) / 12) * seconds(length)))


def saw(note: float) -> Samples:
    hertz = 440 * 2 ** ((note - 69) / 12)
    partials = np.arange(1, int(18_000 / hertz) + 1)[:, None]
    waves = np.sin(2 * np.pi * hertz * partials * seconds(0.4)[None]) / partials
    return np.asarray(0.3 * waves.sum(0))


def clicks(bpm: float, length: float = 6.0) -> Samples:
    loop = np.zeros(round(length * RATE))
    click = np.random.default_rng(0).standard_normal(900) * np.exp(-np.arange(900) / 150)
    for start in np.arange(0, len(loop) - 900, 60 / bpm * RATE).astype(int):
        loop[start : start + 900] += click
    return loop


def described(left: Samples, right: Samples | None = None, rate: int = RATE) -> Descriptors:
    sides = [left, left if right is None else right]
    return describe(Clip(np.stack(sides, axis=1).astype(np.float32), rate))


@pytest.mark.parametrize("wave", [sine, saw])
def test_pitch_is_right_to_ten_cents(wave: Callable[[float], Samples]) -> None:
    for note in range(28, 91, 2):
        found = estimate_pitch(wave(note), RATE)
        assert found is not None and abs(found - note) < 0.1, note


def test_pitch_between_two_notes_is_told_in_cents() -> None:
    assert estimate_pitch(sine(60.37), RATE) == pytest.approx(60.37, abs=0.05)


def test_pitch_is_found_at_other_rates() -> None:
    time = np.arange(48_000) / 96_000
    assert estimate_pitch(np.sin(2 * np.pi * 440 * time), 96_000) == pytest.approx(69, abs=0.1)


def test_noise_and_silence_have_no_pitch() -> None:
    assert estimate_pitch(np.random.default_rng(0).standard_normal(RATE), RATE) is None
    assert estimate_pitch(np.zeros(RATE), RATE) is None


def test_tempo_of_clicks_is_right_to_two_beats() -> None:
    for bpm in range(70, 171, 4):
        assert estimate_tempo(clicks(bpm), RATE) == pytest.approx(bpm, abs=2), bpm


def test_tempo_is_asked_of_loops_only() -> None:
    assert described(clicks(120, 1.9)).bpm is None
    assert described(clicks(120, 2.5)).bpm == pytest.approx(120, abs=2)
    assert estimate_tempo(np.zeros(3 * RATE), RATE) is None


def test_centroid_of_a_tone_is_its_frequency() -> None:
    for note in (45, 69, 93):
        hertz = 440 * 2 ** ((note - 69) / 12)
        assert described(sine(note)).centroid_hz == pytest.approx(hertz, rel=0.03)
    assert described(saw(57)).centroid_hz > described(sine(57)).centroid_hz


def test_low_share_tells_bass_from_treble() -> None:
    assert described(sine(33)).low_share > 0.98
    assert described(sine(81)).low_share < 0.02


def test_flatness_tells_noise_from_a_tone() -> None:
    hiss = np.random.default_rng(0).standard_normal(RATE) * 0.1
    assert described(hiss).flatness > 0.8
    assert described(sine(69)).flatness < 0.01


def test_attack_decay_and_length_are_those_of_the_envelope() -> None:
    time = seconds(1.0)
    envelope = np.minimum(time / 0.1, 1) * np.exp(-np.maximum(time - 0.1, 0) / 0.05)
    envelope[time > 0.6] = 0
    measured = described(envelope * np.sin(2 * np.pi * 1000 * time))
    assert measured.attack_s == pytest.approx(0.1, abs=0.01)
    assert measured.decay_s == pytest.approx(0.05 * np.log(10), abs=0.015)
    assert measured.length_s == pytest.approx(0.1 + 0.05 * np.log(10**2.5), abs=0.02)


def test_a_tone_that_is_held_decays_at_its_end_only() -> None:
    measured = described(sine(69, 0.5))
    assert measured.length_s == pytest.approx(0.5, abs=0.01)
    assert measured.attack_s + measured.decay_s == pytest.approx(0.5, abs=0.01)


def test_level_and_peak_are_those_of_the_samples() -> None:
    measured = described(sine(69))
    assert measured.peak == pytest.approx(0.5, abs=1e-3)
    assert measured.loudness_db == pytest.approx(20 * np.log10(0.5 / 2**0.5), abs=0.05)


def test_width_is_nought_for_mono_half_for_one_side_and_one_for_opposite_sides() -> None:
    tone = sine(69)
    assert described(tone).width == 0
    assert described(tone, 0 * tone).width == pytest.approx(0.5)
    assert described(tone, -tone).width == pytest.approx(1)


@pytest.mark.parametrize("frames", [1, 2, 100, 4096, 3 * RATE])
@pytest.mark.parametrize("rate", [4_000, 44_100, 192_000])
def test_silence_of_any_length_has_finite_measures(frames: int, rate: int) -> None:
    measured = described(np.zeros(frames), rate=rate)
    assert measured.pitch is None and measured.bpm is None
    numbers = [measured.centroid_hz, measured.length_s, measured.width, measured.flatness]
    assert np.isfinite([*numbers, measured.loudness_db]).all()
    assert measured.peak == measured.length_s == measured.width == 0
    assert np.isfinite(described(np.full(frames, 0.5), rate=rate).centroid_hz)
