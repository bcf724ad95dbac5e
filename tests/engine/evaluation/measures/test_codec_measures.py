"""Errors of coded sounds: known answers, and that each measure notices its own fault."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from engine.evaluation.measures.codec_measures import (
    log_mel_distance,
    measure_codec_errors,
    onset_errors,
    side_share,
    spectral_distance,
    stereo_error,
    top_level,
)
from tests.fakes.engine.tiny_model import RATE_HZ, noise, sine

HISS = noise(0.5)[0]


def hits(*places: int, seconds: float = 0.6) -> Tensor:
    """Bursts of noise that fade over 50 ms, at samples."""
    sound = torch.zeros(2, round(seconds * RATE_HZ))
    burst = noise(0.1)[0] * torch.exp(-torch.arange(4410) / 1000)
    for place in places:
        sound[:, place : place + 4410] += burst[:, : sound.shape[1] - place]
    return sound


def test_a_sound_is_no_distance_from_itself() -> None:
    errors = measure_codec_errors(HISS, HISS)
    assert errors.log_mel_db == errors.spectral == errors.stereo_db == errors.width == 0
    assert errors.top_db == pytest.approx(0, abs=1e-6)
    tone = measure_codec_errors(sine(220, 0.5)[0], sine(220, 0.5)[0])
    assert tone.has_pitch and tone.pitch_cents == 0
    assert not errors.has_pitch


def test_half_the_level_is_six_decibels_away() -> None:
    assert log_mel_distance(HISS, HISS / 2) == pytest.approx(20 * math.log10(2), abs=0.05)
    # Convergence is one half, and logarithms differ by ln 2.
    assert spectral_distance(HISS, HISS / 2) == pytest.approx(0.5 + math.log(2), abs=0.02)


def test_what_is_far_below_the_sound_is_silence() -> None:
    quiet = torch.cat([HISS, torch.zeros_like(HISS)], dim=1)
    faint = torch.cat([HISS, noise(0.5, 0.2e-5, 3)[0]], dim=1)
    assert log_mel_distance(quiet, faint) < 0.01


@pytest.mark.parametrize("samples", [0, 44, 132, 441, 882])
def test_an_onset_that_comes_later_is_measured_in_milliseconds(samples: int) -> None:
    real, made = hits(5_000, 15_000), hits(5_000 + samples, 15_000 + samples)
    errors = onset_errors(real, made)
    assert len(errors) == 2
    assert errors == pytest.approx([samples / RATE_HZ * 1e3] * 2, abs=0.3)


def test_a_lost_onset_costs_more_than_a_late_one() -> None:
    assert max(onset_errors(hits(5_000, 15_000), hits(5_000))) > 5


def test_a_low_hit_has_no_onsets_in_its_own_swing() -> None:
    time = torch.arange(20_000) / RATE_HZ
    kick = torch.sin(2 * torch.pi * 50 * time) * torch.exp(-time * 12)
    turned = torch.cos(2 * torch.pi * 50 * time) * torch.exp(-time * 12)
    errors = onset_errors(kick.expand(2, -1), turned.expand(2, -1))
    assert len(errors) == 1
    assert errors[0] < 3


def test_steady_sounds_and_silence_have_few_onsets_to_lose() -> None:
    silence = torch.zeros(2, 20_000)
    assert onset_errors(silence, silence) == []
    assert measure_codec_errors(silence, silence).log_mel_db == 0
    assert len(onset_errors(HISS, HISS)) <= 1


def test_swapped_sides_and_a_lost_width_are_both_noticed() -> None:
    left = sine(440, 0.5, 0.5, 0.05)[0]
    assert stereo_error(left, left.flip(0)) > 5
    wide = torch.cat([noise(0.5, seed=1)[0, :1], noise(0.5, seed=2)[0, :1]])
    assert stereo_error(wide, wide.mean(0, keepdim=True).expand(2, -1)) > 5
    assert side_share(wide) == pytest.approx(0.5, abs=0.02)
    assert side_share(sine(440, 0.5, 0.5, -0.5)[0]) == pytest.approx(1)


def test_a_band_limit_is_noticed_where_there_was_something() -> None:
    spectrum = torch.fft.rfft(HISS)
    spectrum[:, round(11_000 * 0.5) :] = 0
    dull = torch.fft.irfft(spectrum, HISS.shape[1])
    found = top_level(HISS, dull)
    assert found is not None and found < -20
    assert top_level(sine(220, 0.5)[0], HISS) is None


def test_a_note_out_of_tune_is_measured_in_cents() -> None:
    made = measure_codec_errors(sine(220, 0.6)[0], sine(220 * 2 ** (30 / 1200), 0.6)[0])
    assert made.pitch_cents == pytest.approx(30, abs=2)
    assert measure_codec_errors(sine(220, 0.6)[0], noise(0.6)[0]).pitch_cents is None


def test_a_note_in_anti_phase_is_a_note() -> None:
    errors = measure_codec_errors(sine(220, 0.6, 0.5, -0.5)[0], sine(220, 0.6, 0.5, -0.5)[0])
    assert errors.pitch_cents == 0
