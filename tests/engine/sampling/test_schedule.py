"""Times fall from the start to nothing, whatever strength and steps a player chooses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from engine.api import LEAST_STRENGTH, MOST_STEPS
from engine.sampling.config import SamplingConfig
from engine.sampling.schedule import euler_times, ping_pong_times, steps_at_pace

Times = Callable[..., Tensor]
STRENGTHS = sorted(
    {LEAST_STRENGTH, 0.1192, 0.995, 0.999, 0.9999, *(i / 100 for i in range(1, 101))}
)


@pytest.mark.parametrize("times_of", [ping_pong_times, euler_times])
def test_times_fall_strictly_from_the_start_to_zero(times_of: Times) -> None:
    for steps in range(1, MOST_STEPS + 1):
        for start in STRENGTHS:
            times = times_of(steps, start)
            assert times.shape == (steps + 1,)
            assert times[0].item() == pytest.approx(start)
            assert times[-1].item() == 0.0
            assert (times[1:] < times[:-1]).all(), (steps, start)


def test_ping_pong_times_are_even_in_log_signal_to_noise() -> None:
    inner = ping_pong_times(8)[1:-1].double()
    ratios = torch.log((1 - inner) / inner)
    assert torch.allclose(ratios, -6 + torch.arange(1, 8, dtype=torch.float64), atol=1e-4)


def test_a_weaker_start_still_ends_where_the_full_schedule_ends() -> None:
    before_last = torch.sigmoid(torch.tensor(-2.0))
    assert ping_pong_times(100, 0.5)[-2].item() == pytest.approx(before_last.item(), abs=0.01)


def test_a_shift_spends_more_euler_steps_near_noise() -> None:
    assert torch.allclose(euler_times(4), torch.tensor([1, 0.75, 0.5, 0.25, 0]))
    shifted = euler_times(4, shift=3.0)
    assert shifted[2].item() == pytest.approx(0.75)
    assert (shifted[1:-1] > euler_times(4)[1:-1]).all()


@pytest.mark.parametrize("times_of", [ping_pong_times, euler_times])
def test_nonsense_is_refused_by_value(times_of: Times) -> None:
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        times_of(0)
    for start in (0.0, -0.1, 1.01, float("nan")):
        with pytest.raises(ValueError, match=f"got {start}"):
            times_of(4, start)


def test_at_the_pace_from_noise_fewer_steps_are_left_the_weaker_the_start() -> None:
    counts = [steps_at_pace(8, start) for start in STRENGTHS]
    assert counts == sorted(counts)
    assert counts[0] == 1 and steps_at_pace(8, 1.0) == 8
    # From 0.5 on, a quarter of the eight even steps from -6 to 2 is left.
    assert steps_at_pace(8, 0.5) == 2
    assert all(1 <= steps_at_pace(n, s) <= n for n in (1, 2, 4, MOST_STEPS) for s in STRENGTHS)
    for start in (0.7, 0.8, 0.9):
        first, second = ping_pong_times(steps_at_pace(8, start), start)[:2].double()
        fall = torch.logit(first) - torch.logit(second)
        assert fall.item() == pytest.approx(1.0, abs=0.2)


def test_times_may_go_on_to_where_there_is_hardly_any_noise() -> None:
    inner = ping_pong_times(8, 1.0, -4.5, 3.9)[1:-1].double()
    ratios = torch.log((1 - inner) / inner)
    assert ratios.diff().tolist() == pytest.approx([1.05] * 6, abs=1e-3)
    assert ratios[-1].item() == pytest.approx(2.85, abs=1e-3)
    assert steps_at_pace(8, 0.5, -4.5, 3.9) == 4
    with pytest.raises(ValueError, match="last_log_snr"):
        SamplingConfig(last_log_snr=0.0)
