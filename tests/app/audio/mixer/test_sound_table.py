"""Sounds live exactly as long as something may play them, and only whole ones are played."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest
from numpy.typing import NDArray

from app.audio.mixer.mixer import Mixer

RATE = 48_000


def constant(value: float, frames: int) -> NDArray[np.float32]:
    """A square wave: its absolute value is `value`, and the DC guard leaves it nearly alone."""
    wave = np.where(np.arange(frames) % 48 < 24, value, -value)
    return np.stack([wave, wave], axis=1).astype(np.float32)


def test_replaced_sound_lives_exactly_until_its_last_voice_ends() -> None:
    mixer = Mixer(RATE)
    old = constant(0.1, 2000)
    alive = weakref.ref(old)
    mixer.load(0, old)
    del old
    mixer.hit(0)
    mixer.render(128)
    mixer.load(0, constant(0.2, 2000))
    gc.collect()
    assert alive() is not None
    assert mixer.sounds_alive == 2
    mixer.render(2000)
    assert mixer.sounds_alive == 1
    gc.collect()
    assert alive() is None


def test_sound_waits_for_the_block_that_may_still_start_it() -> None:
    mixer = Mixer(RATE)
    mixer.load(0, constant(0.1, 100))
    status = mixer.memory.status
    status["blocks_begun"] += 1  # the callback is in the middle of a block
    mixer.load(0, None)
    assert mixer.sounds_alive == 1
    status["blocks_done"] += 1
    assert mixer.sounds_alive == 0


def test_a_pad_can_be_loaded_thousands_of_times_without_a_stream() -> None:
    mixer = Mixer(RATE)
    sound = constant(0.1, 10)
    for _ in range(5000):
        mixer.load(0, sound)
    assert mixer.sounds_alive == 1


def test_swapping_under_fast_hits_never_plays_anything_but_whole_sounds() -> None:
    mixer = Mixer(RATE)
    mixer.load(0, constant(0.25, 300))
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            mixer.load(0, constant(0.25, 300))

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for _ in range(400):
            mixer.hit(0)
            assert np.abs(mixer.render(128)).max() < 0.8
    finally:
        stop.set()
        swapper.join()
    mixer.render(1000)
    assert mixer.sounds_alive == 1


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros((10, 1), np.float32),
        np.zeros((0, 2), np.float32),
        np.zeros(10, np.float32),
        np.zeros((10, 2), np.float64),
        np.full((10, 2), np.nan, np.float32),
        np.full((10, 2), np.inf, np.float32),
    ],
)
def test_nonsense_never_reaches_the_kernel(samples: NDArray[np.float32]) -> None:
    with pytest.raises(ValueError, match="samples must be"):
        Mixer(RATE).load(0, samples)


def test_slices_and_reversed_arrays_are_played_as_they_look() -> None:
    mixer = Mixer(RATE)
    ramp = np.linspace(0.0, 0.5, 200, dtype=np.float32)
    mixer.load(0, np.stack([ramp, ramp], axis=1)[::-1])
    mixer.hit(0)
    out = mixer.render(300)[mixer.latency_frames :]
    assert out[0, 0] == pytest.approx(0.5)
