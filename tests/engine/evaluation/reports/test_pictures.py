"""Spectrograms: a PNG that another program reads, low tones at the bottom."""

from __future__ import annotations

import io

import numpy as np
import pytest

from engine.clip import Clip
from engine.evaluation.reports.pictures import apply_colour_map, png, spectrogram_png
from engine.sound.mel import TONE_BANDS

RATE = 44_100


def read(data: bytes) -> np.ndarray:
    image = pytest.importorskip("PIL.Image")
    with image.open(io.BytesIO(data)) as opened:
        return np.asarray(opened.convert("RGB"))


def tone(hertz: float) -> Clip:
    wave = 0.5 * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE)
    return Clip(np.stack([wave, wave], axis=1).astype(np.float32), RATE)


def test_pixels_come_back_as_they_were() -> None:
    random = np.random.default_rng(0)
    palette = random.integers(0, 256, (9, 3), dtype=np.uint8)
    shades = random.integers(0, 9, (5, 7), dtype=np.uint8)
    assert (read(png(shades, palette)) == palette[shades]).all()


def test_louder_is_lighter() -> None:
    light = apply_colour_map(np.linspace(0, 1, 50)[None]).sum(axis=2)[0].astype(int)
    assert (np.diff(light) >= 0).all() and light[-1] > 600


def test_a_low_tone_lies_below_a_high_one_and_silence_fills_the_width() -> None:
    low, high = (read(spectrogram_png(tone(hertz), 40, 2.0)).sum(axis=2) for hertz in (110, 4000))
    assert low.shape == (TONE_BANDS, 40)
    assert low[:, 10].argmax() > high[:, 10].argmax()
    assert low[:, 10].max() > 3 * low[:, 35].max()
