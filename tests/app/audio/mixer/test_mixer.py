"""The mixer's own work: pads, commands from many threads, rates and refusals."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from numpy.typing import NDArray

from app.audio.mixer.mixer import Mixer

RATE = 48_000


def constant(value: float, frames: int) -> NDArray[np.float32]:
    """A square wave: its absolute value is `value`, and the DC guard leaves it nearly alone."""
    wave = np.where(np.arange(frames) % 48 < 24, value, -value)
    return np.stack([wave, wave], axis=1).astype(np.float32)


def level(samples: NDArray[np.float32]) -> float:
    return float(np.median(np.abs(samples)))


def test_running_voice_keeps_its_old_sound_and_the_next_hit_plays_the_new() -> None:
    mixer = Mixer(RATE)
    mixer.load(0, constant(0.1, RATE))
    mixer.hit(0)
    mixer.render(1000)
    mixer.load(0, constant(0.4, RATE))
    assert level(mixer.render(1000)) == pytest.approx(0.1, rel=0.02)
    mixer.hit(0)
    mixer.render(500)
    assert level(mixer.render(1000)) == pytest.approx(0.4, rel=0.02)


def test_hits_of_many_threads_all_arrive() -> None:
    mixer = Mixer(RATE, pads=8)

    def play(pad: int) -> None:
        for _ in range(100):
            mixer.hit(pad)

    threads = [threading.Thread(target=play, args=(pad,)) for pad in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert int(mixer.memory.control["commands_written"]) == 800
    assert mixer.counts().dropped_commands == 0


def test_position_of_the_newest_voice_in_seconds() -> None:
    mixer = Mixer(RATE)
    mixer.load(0, constant(0.1, RATE))
    assert mixer.playing(0) is None
    mixer.hit(0)
    mixer.render(4800)
    assert mixer.playing(0) == pytest.approx(0.1)
    mixer.hit(0)
    mixer.render(480)
    assert mixer.playing(0) == pytest.approx(0.01)
    mixer.render(RATE)
    assert mixer.playing(0) is None


def test_another_rate_keeps_times_and_clock() -> None:
    mixer = Mixer(RATE)
    mixer.render(1000)
    mixer.set_rate(96_000)
    mixer.load(0, constant(0.9, 9600))
    mixer.hit(0)
    mixer.render(9600)
    assert mixer.latency_frames == 150
    assert mixer.counts().frame == 10_600
    assert mixer.playing(0) is None


@pytest.mark.parametrize("pad", [-1, 16])
def test_unknown_pad_is_refused_by_name(pad: int) -> None:
    with pytest.raises(ValueError, match=f"pad must be 0..15, got {pad}"):
        Mixer(RATE).hit(pad)


def test_values_out_of_range_are_refused() -> None:
    mixer = Mixer(RATE)
    with pytest.raises(ValueError, match="gain_db"):
        mixer.set_master_gain(float("nan"))
    with pytest.raises(ValueError, match=r"note must be -48..24, got 25"):
        mixer.hit(0, note=25)
    with pytest.raises(ValueError, match="layers"):
        mixer.load_layers(0, [constant(0.1, 10)] * 17)
    with pytest.raises(ValueError, match="rate"):
        mixer.set_rate(1000)
    with pytest.raises(ValueError, match="voices"):
        Mixer(voices=0)
    with pytest.raises(ValueError, match="pads"):
        Mixer(pads=65)


def test_minus_120_db_is_silence() -> None:
    mixer = Mixer(RATE)
    mixer.set_master_gain(-120.0)
    mixer.load(0, constant(0.5, RATE))
    mixer.render(RATE)
    mixer.hit(0)
    assert np.abs(mixer.render(4800)).max() < 1e-5
