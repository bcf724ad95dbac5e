"""Times even in log signal-to-noise: both ends are looked at."""

from __future__ import annotations

import pytest
import torch

from engine.training.flow.times import even_log_snr_times


def log_snr(times: torch.Tensor) -> torch.Tensor:
    return torch.logit(1 - times.double())


def test_a_share_of_the_times_is_even_and_the_rest_lies_near_the_noise() -> None:
    found = log_snr(even_log_snr_times(20_000, torch.Generator().manual_seed(0), 0.5))
    assert (found > 1).double().mean() == pytest.approx(0.5 * 3.5 / 9.5 + 0.5 * 0.006, abs=0.01)
    assert (found < -5).double().mean() == pytest.approx(0.5 * 0.006, abs=0.004)
    assert found.max() <= 4.5


@pytest.mark.parametrize(
    ("share", "mean", "spread"), [(1.0, -0.25, 9.5 / 12**0.5), (1e-9, -2, 1.2)]
)
def test_at_either_end_of_the_share_there_is_one_distribution(
    share: float, mean: float, spread: float
) -> None:
    found = log_snr(even_log_snr_times(5_000, torch.Generator().manual_seed(1), share))
    assert found.mean() == pytest.approx(mean, abs=0.05)
    assert found.std() == pytest.approx(spread, abs=0.05)


def test_each_equal_share_gives_one_time_in_an_order_of_chance() -> None:
    times = even_log_snr_times(64, torch.Generator().manual_seed(2), 1.0)
    places = ((log_snr(times) + 5) / 9.5 * 64).floor().long()
    assert sorted(places.tolist()) == list(range(64))
    assert places.tolist() != sorted(places.tolist())
