from __future__ import annotations

import math

import numpy as np
import pytest

from app.audio.mixer.mixer import Mixer
from app.bench.jack_player import (
    WARM_UP_PAIRS,
    HitTimes,
    NoteSchedule,
    OnsetDetector,
    PairDistances,
    Played,
    make_impulse,
)

RATE = 48_000


def played(*pairs: tuple[int, ...]) -> Played:
    """Pairs a second apart, each with the frames after its first note on which it sounded."""
    every = [(), *[()] * (WARM_UP_PAIRS - 1), *pairs]
    notes = [place * RATE + second for place in range(len(every)) for second in (0, 48)]
    onsets = [place * RATE + late for place, sounds in enumerate(every) for late in sounds]
    return Played(RATE, 128, tuple(notes), tuple(onsets))


def test_each_pair_gets_its_own_sounds() -> None:
    times = played((192, 240), (288, 336), (96, 144)).times()
    assert (times.hits, times.heard) == (3, 3)
    assert (times.median_ms, times.longest_ms) == pytest.approx((4.0, 6.0))
    assert 5.9 < times.p99_ms < times.p999_ms < 6.0


def test_a_note_without_a_sound_is_not_given_a_later_one() -> None:
    lost = played((192, 240), (), (240, 288))
    assert (lost.times().hits, lost.times().heard) == (3, 2)
    assert lost.times().longest_ms == pytest.approx(5.0)
    late = played((13_000, 13_048))
    assert late.times().heard == 0 and math.isnan(late.times().median_ms)


def test_pairs_are_even_when_they_sound_as_far_apart_as_they_were_played() -> None:
    distances = played((200, 248), (200, 249), (200, 250), (200, 328), (200,), ()).distances()
    assert distances == PairDistances(6, 4, 2, 48, 128)
    assert played(()).distances() == PairDistances(1, 0, 0, 0, 0)


def test_nothing_played_is_no_number() -> None:
    times = Played(RATE, 128, (), ()).times()
    assert times.hits == 0 and times == HitTimes(0, 0, *[times.median_ms] * 4)


def test_hands_play_pairs_1_ms_apart_whatever_the_blocks() -> None:
    for block in (64, 1024):
        schedule = NoteSchedule(RATE)
        for start in range(1000, 10 * RATE, block):
            assert all(0 <= place < block for place in schedule.take_due(start, block))
        notes = np.array(schedule.notes[: len(schedule.notes) // 2 * 2])
        assert (np.diff(notes)[::2] == 48).all() and len(notes) > 200
        assert np.ptp(np.diff(notes)[1::2]) > RATE // 20, "uneven"


def test_an_ear_tells_two_sounds_1_ms_apart_across_blocks() -> None:
    mixer = Mixer(RATE)
    mixer.load(0, make_impulse())
    for frame in (1000, 1048, 3000):
        mixer.hit(0, at_frame=frame)
    detector, heard = OnsetDetector(19), mixer.render(5000)[:, 0]
    for start in range(0, 5000, 100):
        detector.detect(start, heard[start : start + 100])
    assert [frame - mixer.latency_frames for frame in detector.onsets] == [1000, 1048, 3000]
