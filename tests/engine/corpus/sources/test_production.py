"""What a producer does to sounds: lengths, levels, and that nothing is spoilt."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from engine.corpus.sources.production import fit, produce, without_pre_roll

RATE_HZ = 44_100


def tone(seconds: float, level: float = 0.3) -> np.ndarray:
    wave = level * np.sin(2 * np.pi * 440 * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)
    return np.stack([wave, wave], 1).astype(np.float32)


def test_a_short_sound_is_padded_and_a_long_one_is_cut_and_faded() -> None:
    short, long = fit(tone(0.2), 0.5, RATE_HZ), fit(tone(2.0), 0.5, RATE_HZ)
    assert short is not None and long is not None
    assert short.samples.shape == long.samples.shape == (22_050, 2)
    assert short.seconds == pytest.approx(0.2, abs=0.01)
    assert not short.samples[round(short.seconds * RATE_HZ) :].any()
    assert long.seconds == pytest.approx(0.5)
    assert np.abs(long.samples[-3:]).max() < 0.05
    assert np.abs(short.samples).max() == pytest.approx(0.9)


@pytest.mark.parametrize("samples", [np.zeros((100, 2)), np.full((100, 2), np.nan)])
def test_what_is_silent_or_broken_is_no_sound(samples: np.ndarray) -> None:
    assert fit(samples.astype(np.float32), 0.1, RATE_HZ) is None


def test_a_pre_roll_is_cut_to_two_milliseconds() -> None:
    late = np.concatenate([1e-4 * tone(0.3), tone(0.2)])
    found = without_pre_roll(late, RATE_HZ)
    assert len(found) - len(tone(0.2)) == pytest.approx(0.002 * RATE_HZ, abs=5)
    assert len(without_pre_roll(tone(0.2), RATE_HZ)) == pytest.approx(len(tone(0.2)), abs=90)


def test_the_same_draws_change_a_sound_alike_and_other_draws_otherwise() -> None:
    found = [produce(tone(0.2), Random(number), RATE_HZ) for number in range(60)]
    again = [produce(tone(0.2), Random(number), RATE_HZ) for number in range(60)]
    for first, second in zip(found, again, strict=True):
        assert first.dtype == np.float32 and first.shape[1] == 2
        assert np.isfinite(first).all()
        np.testing.assert_array_equal(first, second)
    untouched = sum(np.array_equal(made, tone(0.2)) for made in found)
    assert 15 < untouched < 50
    assert len({made.tobytes() for made in found}) > 10
    assert any(len(made) > len(tone(0.2)) for made in found), "no room rings on"
