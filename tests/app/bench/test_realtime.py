"""The bench's own reckoning; the bench itself runs by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from app.audio.mixer.mixer import Mixer
from app.bench.counting import Counting
from app.bench.memory_use import read_resident_mb, summarize_memory
from app.bench.realtime import check_minutes, find_busy_percent
from engine.errors import PlayerError


@pytest.mark.parametrize("minutes", [0.0, -1.0, math.nan, 1e9])
def test_nonsense_minutes_are_refused(minutes: float) -> None:
    with pytest.raises(PlayerError, match="Minutes must be"):
        check_minutes(minutes)


def test_without_jackd_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PlayerError, match="apt install jackd2"):
        check_minutes(1.0)


def test_the_share_of_the_block_is_what_all_but_a_thousandth_stay_within() -> None:
    shares = np.zeros(1000, np.int64)
    shares[[20, 90, 999]] = 9985, 10, 5
    assert find_busy_percent(shares, 0.999) == pytest.approx(9.1)
    assert find_busy_percent(shares, 0.99) == pytest.approx(2.1)


def test_all_counts_speak_of_the_same_minutes() -> None:
    mixer = Mixer(48_000)
    mixer.render(200_000, 200_000)
    long_ms = mixer.counts().longest_ms
    counting = Counting(mixer)
    mixer.render(1280, 128)
    counts = counting.counts()
    assert (counts.callbacks, counts.late) == (10, 0)
    assert counting.busy_histogram().sum() == 10
    assert 0.0 < counts.longest_ms < long_ms / 10
    assert counts.busy_s * 1000.0 < long_ms / 10


def test_memory_is_flat_or_grows_from_the_warm_up_on() -> None:
    warming = [50.0 + look for look in range(60)]
    flat = summarize_memory([*warming, *([200.0, 200.4] * 300)])
    assert (flat.warm_mb, flat.growth_mb) == (200.2, 0.0)
    leaking = summarize_memory([*warming, *(200.0 + look / 100 for look in range(600))])
    assert leaking.growth_mb == pytest.approx(5.4, abs=0.1)
    assert summarize_memory([7.0]).growth_mb == 0.0
    assert read_resident_mb() > 10.0
