"""What the callback measured: levels, and counts of itself."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from app.audio.mixer.mixer import Mixer

RATE = 48_000


def constant(value: float, frames: int) -> NDArray[np.float32]:
    """A square wave: its absolute value is `value`, and the DC guard leaves it nearly alone."""
    wave = np.where(np.arange(frames) % 48 < 24, value, -value)
    return np.stack([wave, wave], axis=1).astype(np.float32)


def test_meter_holds_the_peak_until_it_is_read() -> None:
    mixer = Mixer(RATE)
    sound = constant(0.5, 480)
    sound[:, 1] *= 0.5
    mixer.load(0, sound)
    mixer.hit(0)
    mixer.render(4800)
    first = mixer.meter()
    assert first.peak_left == pytest.approx(0.5, rel=0.06)
    assert first.peak_right == pytest.approx(0.25, rel=0.06)
    assert first.rms_left == pytest.approx(0.5 * 0.1**0.5, rel=0.06)
    assert first.rms_right == pytest.approx(0.25 * 0.1**0.5, rel=0.06)
    assert not first.limiting
    assert mixer.meter().peak_left == 0.0 == mixer.meter().rms_left
    mixer.render(4800)
    assert mixer.meter().peak_left < 0.01


def test_callbacks_are_counted_and_timed() -> None:
    mixer = Mixer(RATE)
    mixer.render(1280, 128)
    counts = mixer.counts()
    assert (counts.callbacks, counts.frame, counts.underflows) == (10, 1280, 0)
    assert counts.longest_ms > 0.0
    assert counts.busy_s > 0.0


def test_the_longest_callback_is_that_since_it_was_forgotten() -> None:
    mixer = Mixer(RATE)
    mixer.render(200_000, 200_000)
    longest_ms = mixer.counts().longest_ms
    mixer.forget_longest()
    assert mixer.counts().longest_ms == 0.0
    mixer.render(256, 128)
    assert 0.0 < mixer.counts().longest_ms < longest_ms / 10


def test_a_callback_longer_than_its_block_is_late() -> None:
    mixer = Mixer(RATE)
    mixer.memory.control["rate"] = 10**12  # a block of 128 frames now lasts 0.1 ns
    mixer.render(1280, 128)
    assert mixer.counts().late == 10


def test_advancing_silently_takes_its_time_and_is_never_late() -> None:
    mixer = Mixer(RATE)
    mixer.memory.control["rate"] = 10**12
    mixer.advance_silently(1280, 128)
    counts = mixer.counts()
    assert (counts.frame, counts.callbacks, counts.late, counts.busy_s) == (1280, 0, 0, 0.0)
    assert counts.longest_ms == 0.0 and not mixer.busy_histogram().any()


def test_without_a_clock_callbacks_are_counted_but_not_timed() -> None:
    mixer = Mixer(RATE)
    mixer.memory.control["clock"] = 0
    mixer.render(1280, 128)
    assert mixer.counts().callbacks == 10
    assert mixer.counts().longest_ms == 0.0


def test_every_callback_is_counted_by_the_share_of_its_block_it_took() -> None:
    mixer = Mixer()
    mixer.render(128 * 50, 128)
    shares = mixer.busy_histogram()
    assert shares.sum() == 50 and shares[-1] == mixer.counts().late
    mixer.memory.control["ticks_per_s"] = 1
    mixer.render(128 * 3, 128)
    assert mixer.busy_histogram()[-1] == shares[-1] + 3
