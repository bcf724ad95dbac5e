"""Beats on the mixer's frames: exact over ten minutes, whatever moves them."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from app.audio.mixer.mixer import Mixer
from app.audio.mixer.pad_parameters import PadParameters

RATE = 48_000
DELAY = 78


def click(frames: int = 40) -> NDArray[np.float32]:
    """Starts at its loudest and leaves no doubt about its frame."""
    wave = np.linspace(0.5, 0.0, frames, dtype=np.float32)
    return np.stack([wave, wave], axis=1)


def onsets(out: NDArray[np.float32]) -> list[int]:
    """Frames on which sound begins after silence."""
    loud = np.flatnonzero(np.abs(out[:, 0]) > 0.05)
    return [int(frame) for frame in loud[np.diff(loud, prepend=-10_000) > 1000]]


def locked(bpm: float, bars: int, sound: NDArray[np.float32]) -> Mixer:
    mixer = Mixer(RATE)
    mixer.clock.set_tempo(bpm)
    mixer.load(0, sound)
    mixer.configure(0, PadParameters("loop", loop_bars=bars))
    return mixer


@pytest.mark.parametrize("bpm", [120.0, 133.7, 61.3])
def test_a_locked_loop_is_on_its_bar_after_ten_minutes(bpm: float) -> None:
    mixer = locked(bpm, 1, click())
    mixer.hit(0)
    bar = 4 * 60 * RATE / bpm
    number = int(600 * RATE / bar)
    found: list[int] = []
    for start in range(0, 601 * RATE, 60 * RATE):
        found += [start - DELAY + frame for frame in onsets(mixer.render(60 * RATE))]
    assert len(found) >= number
    wanted = np.ceil(np.arange(len(found)) * bar - 1e-6)
    assert np.array_equal(found, wanted)


def test_a_loop_that_fills_its_bars_goes_round_without_a_seam() -> None:
    frames = 96_000
    wave = 0.3 * np.sin(2 * np.pi * 100.0 * np.arange(frames) / RATE)
    sound = np.stack([wave, wave], axis=1).astype(np.float32)
    mixer = locked(120.0, 1, sound)
    mixer.hit(0)
    out = mixer.render(300_000)[DELAY:]
    assert np.abs(np.diff(out[100:], axis=0)).max() < 0.005
    assert np.abs(out[200_000:200_480]).max() > 0.29


@pytest.mark.parametrize("frames", [80_000, 120_000])
def test_a_loop_shorter_or_longer_than_its_bars_begins_on_the_bar_without_a_click(
    frames: int,
) -> None:
    wave = 0.3 * np.sin(2 * np.pi * 50.0 * np.arange(frames) / RATE)
    mixer = locked(120.0, 1, np.stack([wave, wave], axis=1).astype(np.float32))
    mixer.hit(0)
    out = mixer.render(300_000)[DELAY:]
    assert np.abs(np.diff(out[1:], axis=0)).max() < 0.02
    silent = np.abs(out[90_000:95_000]).max() < 0.02
    assert silent == (frames == 80_000)


def test_a_locked_loop_waits_for_the_next_bar_and_is_stopped_while_it_waits() -> None:
    mixer = locked(120.0, 2, click())
    mixer.render(10_000)
    mixer.hit(0)
    assert onsets(mixer.render(400_000)) == [96_000 - 10_000 + DELAY, 288_000 - 10_000 + DELAY]
    mixer.stop(0)
    assert onsets(mixer.render(400_000)) == []
    assert mixer.playing(0) is None


def test_another_tempo_goes_on_from_where_the_beat_is() -> None:
    mixer = locked(120.0, 1, click())
    mixer.hit(0)
    mixer.render(48_000)
    mixer.clock.set_tempo(60.0)
    assert mixer.clock.position(48_000) == pytest.approx(2.0)
    assert onsets(mixer.render(200_000)) == [96_000 + DELAY]


def test_beats_moved_back_let_a_loop_find_its_bar_again() -> None:
    mixer = locked(120.0, 1, click())
    mixer.render(1_000_000)
    mixer.hit(0)
    mixer.render(100_000)
    mixer.clock.start()
    assert onsets(mixer.render(100_000)) == [DELAY, 96_000 + DELAY]


def test_another_rate_keeps_tempo_and_beat() -> None:
    mixer = Mixer(RATE)
    mixer.clock.set_tempo(90.0)
    mixer.render(RATE)
    assert mixer.clock.position(mixer.frame) == pytest.approx(1.5)
    mixer.set_rate(96_000)
    assert mixer.clock.position(mixer.frame) == pytest.approx(1.5)
    assert mixer.clock.position(mixer.frame + 96_000) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("quantum", "frame"),
    [("now", None), ("beat", 120_000), ("bar", 192_000), ("four_bars", 384_000)],
)
def test_the_next_beat_bar_or_fourth_bar(quantum: str, frame: int | None) -> None:
    mixer = Mixer(RATE)
    mixer.render(100_000, 1000)
    assert mixer.clock.next_frame(quantum) == frame  # type: ignore[arg-type]


def test_a_beat_that_is_now_is_the_next_one() -> None:
    mixer = Mixer(RATE)
    mixer.render(96_000, 1000)
    assert mixer.clock.next_frame("bar") == 96_000


@pytest.mark.parametrize("at_once", [False, True])
def test_the_beat_of_a_moment_is_known_however_hits_are_played(at_once: bool) -> None:
    mixer = Mixer(RATE)
    mixer.at_once = at_once
    assert mixer.clock.beat_at(time.perf_counter()) is None
    mixer.render(48_000, 128)
    began_s = int(mixer.memory.status["block_ticks"]) / 1e9
    assert mixer.clock.beat_at(began_s) == pytest.approx(2.0)
    assert mixer.clock.beat_at(began_s + 0.005) == pytest.approx(2.01)


def test_a_followed_clock_moves_beats_but_its_jitter_does_not() -> None:
    mixer = Mixer(RATE)
    mixer.render(1280)
    now = time.perf_counter()
    frame = mixer.frame_at(now)
    assert frame is not None
    mixer.clock.follow(7.5, now, 140.0)
    assert mixer.clock.bpm == 140.0
    assert mixer.clock.position(frame) == pytest.approx(7.5)
    mixer.clock.follow(7.5 + 0.001 * 140 / 60, now, 140.01)
    assert mixer.clock.position(frame) == pytest.approx(7.5)
    mixer.clock.follow(3.0, now, 5000.0)
    assert mixer.clock.bpm == 140.0


def test_impossible_tempi_are_refused() -> None:
    with pytest.raises(ValueError, match="got 10"):
        Mixer(RATE).clock.set_tempo(10.0)


@pytest.mark.parametrize("block", [128, 777, 4096])
def test_the_metronome_clicks_on_every_beat_brighter_on_the_bar(block: int) -> None:
    mixer = Mixer(RATE)
    mixer.clock.set_tempo(133.0)
    mixer.set_metronome(-12.0)
    out = mixer.render(10 * RATE, block)
    beat = 60 * RATE / 133.0
    found = [frame - DELAY for frame in onsets(out)]
    wanted = np.ceil(np.arange(len(found)) * beat)
    assert len(found) == 23
    assert np.abs(np.array(found) - wanted).max() <= 3  # a sine begins at 0
    first, second = out[found[0] + DELAY :][:1400, 0], out[found[1] + DELAY :][:1400, 0]
    assert np.abs(np.fft.rfft(first)).argmax() > np.abs(np.fft.rfft(second)).argmax()
    mixer.set_metronome(None)
    mixer.render(2000)
    assert not mixer.render(2 * RATE).any()


def test_the_metronome_over_full_level_stays_below_the_ceiling() -> None:
    mixer = Mixer(RATE)
    loud = np.sign(np.sin(np.arange(RATE) * 0.05))[:, None].repeat(2, axis=1).astype(np.float32)
    mixer.load(0, loud)
    mixer.configure(0, PadParameters("loop"))
    mixer.hit(0)
    mixer.set_metronome(0.0)
    assert np.abs(mixer.render(3 * RATE)).max() <= 10 ** (-0.3 / 20)


# --- note repeat ---


def test_a_held_pad_is_hit_on_every_step_until_it_is_free_retired() -> None:
    mixer = Mixer(RATE)
    mixer.load(0, click())
    mixer.set_note_repeat(0.25)
    mixer.render(1000)
    mixer.hit(0, 0.9, at_frame=1000)
    mixer.release(0, at_frame=20_000)
    found = [frame + 1000 - DELAY for frame in onsets(mixer.render(60_000))]
    assert found == [1000, 6000, 12_000, 18_000]


def test_a_hand_just_before_the_step_plays_it_once() -> None:
    mixer = Mixer(RATE)
    mixer.load(0, click())
    mixer.set_note_repeat(1.0 / 3.0)
    mixer.hit(0, at_frame=7000)
    assert onsets(mixer.render(30_000)) == [7000 + DELAY, 16_000 + DELAY, 24_000 + DELAY]


def test_silence_ends_every_repeat() -> None:
    mixer = Mixer(RATE)
    mixer.load(0, click())
    mixer.set_note_repeat(0.5)
    mixer.hit(0)
    mixer.render(20_000)
    mixer.stop_all()
    assert onsets(mixer.render(100_000)) == []


def test_without_repeat_a_held_pad_is_hit_once() -> None:
    mixer = Mixer(RATE)
    mixer.load(0, click())
    mixer.hit(0, at_frame=0)
    assert onsets(mixer.render(100_000)) == [DELAY]


def test_a_count_in_clicks_on_its_beats_only_and_is_not_captured() -> None:
    mixer = Mixer(RATE, capture_s=5.0)
    mixer.clock.start(100_000)
    mixer.count_in(-4.0, 0.0, -12.0)
    out = mixer.render(200_000, 777)
    wanted = [100_000 - beat * 24_000 for beat in (4, 3, 2, 1)]
    assert np.abs(np.array(onsets(out)) - DELAY - wanted).max() <= 3
    assert not mixer.capture.read(mixer.capture.segment, 0, 200_000).any()
    mixer.count_in(5.0, 13.0, -12.0)
    mixer.end_count_in()
    assert not mixer.render(100_000).any()


def test_a_count_in_that_begins_anew_has_all_its_clicks() -> None:
    mixer = Mixer(RATE)
    for _ in range(2):
        start = mixer.frame + 98_000
        mixer.clock.start(start)
        mixer.count_in(-4.0, 0.0, -12.0)
        assert len(onsets(mixer.render(30_000, 512))) == 2


def test_a_count_in_follows_the_tempo() -> None:
    mixer = Mixer(RATE)
    mixer.clock.start(98_400)
    mixer.count_in(-4.0, 0.0, -12.0)
    first = onsets(mixer.render(40_000, 512))
    assert len(first) == 2
    mixer.clock.set_tempo(240.0)
    later = onsets(mixer.render(60_000, 512))
    start = mixer.clock.frame_of(0.0)
    wanted = [start - 24_000 - 40_000, start - 12_000 - 40_000]
    assert np.abs(np.array(later) - DELAY - wanted).max() <= 3
