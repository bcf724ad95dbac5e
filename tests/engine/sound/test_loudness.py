"""Loudness by the standard's known answers, and sounds brought to one loudness by one gain."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from engine.sound.loudness import (
    HIGHEST_PEAK_DB,
    LEVEL_LUFS,
    MOST_GAIN_DB,
    loudness,
    normalise_loudness,
)

RATE = 44_100


def sine(hertz: float, seconds: float = 1.0, rate: int = RATE) -> Tensor:
    """Full scale on the left, silence on the right: (1, 2, T)."""
    wave = torch.sin(2 * torch.pi * hertz * torch.arange(round(seconds * rate)) / rate)
    return torch.stack([wave, torch.zeros_like(wave)])[None]


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_a_full_tone_of_997_hz_on_one_side_is_at_minus_three(rate: int) -> None:
    # ITU-R BS.1770-4: -3.01 LKFS.
    assert loudness(sine(997, rate=rate), rate).item() == pytest.approx(-3.01, abs=0.1)


def test_low_tones_count_less_and_high_ones_more() -> None:
    low, middle, high = (loudness(sine(hertz), RATE).item() for hertz in (30, 1000, 8000))
    # The high-pass takes 8.3 dB at 30 Hz; the shelf gives 0.7 dB at 1 kHz and 4 at 8 kHz.
    assert low - middle == pytest.approx(-9.0, abs=0.3)
    assert high - middle == pytest.approx(3.3, abs=0.3)


def test_the_loudest_part_counts_and_a_short_sound_by_its_energy() -> None:
    tone, silence = sine(997, 0.4), torch.zeros(1, 2, RATE)
    alone = loudness(tone, RATE).item()
    later = loudness(torch.cat([silence, tone, silence], -1), RATE).item()
    assert later == pytest.approx(alone, abs=0.1)
    half = loudness(tone[..., : RATE // 5], RATE).item()
    assert half == pytest.approx(alone - 3.01, abs=0.1)


@pytest.mark.parametrize("gain", [0.1, 0.5, 2.0])
def test_sounds_are_as_loud_whatever_they_were(gain: float) -> None:
    both = torch.cat([sine(220), gain * sine(997)])
    assert loudness(normalise_loudness(both, RATE), RATE).tolist() == pytest.approx(
        [LEVEL_LUFS] * 2, abs=0.1
    )


def test_one_gain_serves_the_whole_sound() -> None:
    rising = sine(440, 3.0) * torch.linspace(0, 0.3, 3 * RATE)
    level = normalise_loudness(rising, RATE)
    ratio = level[0, 0, 1000:] / rising[0, 0, 1000:].clamp(min=1e-9)
    heard = rising[0, 0, 1000:] > 1e-3
    assert torch.allclose(ratio[heard], ratio[heard][0], rtol=1e-4)


def test_a_lone_peak_and_near_silence_set_bounds() -> None:
    click = torch.zeros(1, 2, RATE)
    click[..., 100] = 0.5
    assert normalise_loudness(click, RATE).max().item() == pytest.approx(
        10 ** (HIGHEST_PEAK_DB / 20), 1e-3
    )
    faint = 1e-3 * sine(440)
    gain = normalise_loudness(faint, RATE).abs().max() / faint.abs().max()
    assert gain.item() == pytest.approx(10 ** (MOST_GAIN_DB / 20), 1e-3)
    assert not normalise_loudness(torch.zeros(2, 2, 500), RATE).any()


def test_half_precision_stays_and_is_finite() -> None:
    sound = normalise_loudness(sine(220).to(torch.bfloat16), RATE)
    assert sound.dtype == torch.bfloat16 and sound.isfinite().all()
