"""Blocks that begin by a thread's whim, and where hits of known times are put all the same."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from app.audio.mixer.mixer import Mixer

RATE = 48_000
BLOCK = 128
PERIOD_S = BLOCK / RATE
CLOCK = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int32, ctypes.POINTER(ctypes.c_int64))

Times = NDArray[np.float64] | Sequence[float]


def errors(
    begins_s: NDArray[np.float64] | Sequence[float], rate: float = RATE
) -> NDArray[np.float64]:
    """Fill blocks that begin at these times; for each, by how many frames a hit is misplaced.

    The card began with frame 0 at time 100 and plays `rate` frames a second.
    """
    mixer = Mixer(RATE)
    now_ns = [0]

    @CLOCK  # type: ignore[untyped-decorator]
    def read(_which: int, seconds: ctypes.Array[ctypes.c_int64]) -> int:
        seconds[0], seconds[1] = divmod(now_ns[0], 10**9)
        return 0

    mixer.memory.control["clock"] = ctypes.cast(read, ctypes.c_void_p).value or 0
    found = []
    for begin_s in begins_s:
        now_ns[0] = round(begin_s * 1e9)
        mixer.render(BLOCK, BLOCK)
        time_s = begin_s + 0.0005
        frame = mixer.frame_of_moment(time_s)
        assert frame is not None
        found.append(frame - (time_s - 100.0) * rate - BLOCK)
    return np.array(found)


def even(blocks: int, rate: float = RATE) -> NDArray[np.float64]:
    return 100.0 + np.arange(blocks) * BLOCK / rate


def test_hits_do_not_inherit_when_the_thread_happened_to_wake() -> None:
    late_s = np.random.default_rng(0).uniform(0.0, 0.0004, 2000)
    off = errors(even(2000) + late_s)[500:]
    assert np.ptp(late_s[500:]) * RATE > 19.0
    assert np.abs(np.diff(off)).max() <= 1.3, "1 ms is 48 frames, from one block to the next too"
    assert np.ptp(off) <= 8.0 and abs(off.mean() + 0.0002 * RATE) < 1.0


def test_a_card_that_runs_wrong_is_followed() -> None:
    rate = RATE * 1.0001
    off = errors(even(6000, rate), rate)[1500:]
    assert np.ptp(off) <= 1.1


@pytest.mark.parametrize("late_s", [0.001, 0.0025, 0.006])
def test_a_thread_that_overslept_once_moves_no_hit(late_s: float) -> None:
    begins = even(1000)
    begins[700] += late_s
    begins[701:704] = np.maximum(begins[701:704], begins[700])
    off = errors(begins)[100:]
    assert np.ptp(off) <= 1.1


def test_a_card_that_stood_still_is_found_again() -> None:
    for gap_s in (0.004, 0.05, 3.0):
        begins = even(1000)
        begins[500:] += gap_s
        off = errors(begins)
        assert np.ptp(off[100:500]) <= 1.1
        assert np.ptp(off[512:]) <= 1.1
        assert off[-1] == pytest.approx(off[499] - gap_s * RATE, abs=1.5)


def test_blocks_asked_for_in_bunches_are_counted_from_the_end_of_their_bunch() -> None:
    begins = even(800).reshape(-1, 4)[:, :1].repeat(4, axis=1) + np.arange(4) * 2e-5
    off = errors(begins.ravel().tolist())[3::4][20:]
    assert np.ptp(off) <= 1.1 and off.mean() > 2.5 * BLOCK
