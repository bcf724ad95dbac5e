"""The mixer's own work: sounds kept alive, threads, what it tells."""

from __future__ import annotations

import gc
import threading
import time
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


def test_what_is_played_to_nobody_takes_its_time_and_is_never_late() -> None:
    mixer = Mixer(RATE)
    mixer.memory.control["rate"] = 10**12
    mixer.advance_silently(1280, 128)
    counts = mixer.counts()
    assert (counts.frame, counts.callbacks, counts.late, counts.busy_s) == (1280, 0, 0, 0.0)
    assert counts.longest_ms == 0.0 and not mixer.busy_histogram().any()


def test_frame_at_keeps_the_distance_of_hits_and_is_one_block_late() -> None:
    mixer = Mixer(RATE)
    assert mixer.frame_at(time.perf_counter()) is None
    mixer.render(1280, 128)
    status = mixer.memory.status
    began_s = int(status["block_ticks"]) / 1e9
    first = mixer.frame_at(began_s)
    assert first == 1280
    assert mixer.frame_at(began_s + 0.001) == 1280 + 48
    assert mixer.frame_at(began_s + 10.0) is None


def test_the_callback_reads_the_clock_python_reads() -> None:
    mixer = Mixer(RATE)
    before = time.perf_counter()
    mixer.render(128)
    ticks = int(mixer.memory.status["block_ticks"])
    seconds = ticks / int(mixer.memory.control["ticks_per_s"])
    assert before <= seconds <= time.perf_counter()


def test_without_a_clock_callbacks_are_counted_but_not_timed() -> None:
    mixer = Mixer(RATE)
    mixer.memory.control["clock"] = 0
    mixer.render(1280, 128)
    assert mixer.counts().callbacks == 10
    assert mixer.counts().longest_ms == 0.0


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


def test_every_callback_is_counted_by_the_share_of_its_block_it_took() -> None:
    mixer = Mixer()
    mixer.render(128 * 50, 128)
    shares = mixer.busy_histogram()
    assert shares.sum() == 50 and shares[-1] == mixer.counts().late
    mixer.memory.control["ticks_per_s"] = 1
    mixer.render(128 * 3, 128)
    assert mixer.busy_histogram()[-1] == shares[-1] + 3
