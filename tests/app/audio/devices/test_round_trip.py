from __future__ import annotations

import numpy as np
import pytest

from app.audio.devices.round_trip import CLICKS, find_round_trip, make_clicks

RATE = 48_000


def later(frames: int, gain: float = 1.0, noise: float = 0.0) -> np.ndarray:
    """What comes back through a cable or a room."""
    clicks = make_clicks(RATE)
    back = np.zeros_like(clicks)
    back[frames:] = clicks[: len(clicks) - frames] * gain
    return back + np.random.default_rng(2).normal(0.0, 1.0, len(back)).astype(np.float32) * noise


@pytest.mark.parametrize("frames", [0, 1, 256, 5_000, 16_000])
def test_a_delay_is_found_to_the_frame(frames: int) -> None:
    found = find_round_trip(later(frames), RATE)
    assert found.milliseconds == pytest.approx(frames * 1000 / RATE)
    assert (found.spread_ms, found.heard, found.error) == (0.0, CLICKS, "")


def test_a_soft_noisy_microphone_that_turns_the_wave_over_is_enough() -> None:
    found = find_round_trip(later(700, gain=-0.02, noise=0.003), RATE)
    assert found.milliseconds == pytest.approx(700 / 48, abs=0.05) and not found.error


def test_a_click_that_was_lost_does_not_count() -> None:
    back = later(256)
    back[: RATE // 2 + 4800] = 0.0
    found = find_round_trip(back, RATE)
    assert found.heard == CLICKS - 1 and found.milliseconds == pytest.approx(256 / 48)


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_without_a_cable_nothing_is_measured_and_it_is_said(noise: float) -> None:
    found = find_round_trip(later(0, gain=0.0, noise=noise), RATE)
    assert found.milliseconds == 0.0
    assert found.error.startswith("Only 0 of 8 clicks came back. Connect")


def test_a_system_that_keeps_no_time_is_not_given_a_figure() -> None:
    clicks = make_clicks(RATE)
    middle = RATE * 2
    back = np.zeros_like(clicks)
    back[480:middle] = clicks[: middle - 480]
    back[middle + 4800 :] = clicks[middle : len(clicks) - 4800]
    found = find_round_trip(back, RATE)
    assert found.milliseconds == 0.0 and "90 ms apart" in found.error
