"""Clips as the mixer wants them."""

from __future__ import annotations

import numpy as np
import pytest

from app.audio.mixer.mixer import Mixer
from app.audio.mixer.prepare import prepare
from engine.clip import Clip

RATE = 48_000


def clip_of(samples: object, rate: int = RATE) -> Clip:
    return Clip(np.array(samples, np.float32), rate)


def hump(frames: int) -> np.ndarray:
    """Starts and ends in silence."""
    return np.sin(np.linspace(0, np.pi, frames))[:, None] * 0.5


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_channels_become_two(channels: int) -> None:
    samples = prepare(clip_of(np.repeat(hump(1000), channels, axis=1)), RATE)
    assert samples.shape == (1000, 2)
    assert samples.dtype == np.float32
    assert samples.flags.c_contiguous


@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
def test_any_rate_becomes_the_mixers(rate: int) -> None:
    samples = prepare(clip_of(hump(rate), rate), RATE)
    assert abs(len(samples) - RATE) <= 2
    assert np.abs(samples).max() == pytest.approx(0.5, rel=0.01)


def test_a_sound_that_starts_and_ends_in_silence_is_bit_unchanged() -> None:
    clip = clip_of(np.repeat(hump(1000), 2, axis=1))
    assert np.array_equal(prepare(clip, RATE), clip.samples)


def test_an_end_that_would_click_fades_over_1_ms() -> None:
    wave = np.linspace(0.0, 0.8, 4800)[:, None]
    samples = prepare(clip_of(wave), RATE)
    assert np.abs(samples[-1]).max() < 0.02
    assert samples[-49, 0] == pytest.approx(wave[-49, 0])


def test_a_cut_start_fades_but_an_attack_does_not() -> None:
    cut = np.linspace(0.5, 1.0, 4800)[:, None] * np.linspace(1.0, 0.9, 4800)[:, None]
    cut[-100:] *= np.linspace(1.0, 0.0, 100)[:, None]
    assert abs(prepare(clip_of(cut), RATE)[0, 0]) < 0.02
    attack = np.exp(-np.arange(4800) / 400)[:, None]
    assert prepare(clip_of(attack), RATE)[0, 0] == pytest.approx(1.0)


def test_a_sound_cut_to_go_round_keeps_its_ends() -> None:
    wave = np.cos(2 * np.pi * np.arange(4800) / 480)[:, None] * 0.5
    assert prepare(clip_of(wave), RATE)[0, 0] == pytest.approx(0.5)


@pytest.mark.parametrize("frames", [1, 2, 3, 50])
def test_the_shortest_sounds_can_be_played(frames: int) -> None:
    mixer = Mixer(RATE)
    mixer.load(0, prepare(clip_of(np.ones((frames, 1))), RATE))
    mixer.hit(0)
    assert np.isfinite(mixer.render(500)).all()


def test_the_clip_itself_is_not_changed() -> None:
    clip = clip_of(np.ones((4800, 2)))
    before = clip.samples.copy()
    prepare(clip, RATE)
    assert np.array_equal(clip.samples, before)
