"""The path between data and noise, and the times that training draws on it."""

from __future__ import annotations

import pytest
import torch

from engine.sampling import path

RANDOM = torch.Generator().manual_seed(0)
DATA = torch.randn(5, 3, 7, generator=RANDOM, dtype=torch.float64)
NOISE = torch.randn(5, 3, 7, generator=RANDOM, dtype=torch.float64)
TIMES = torch.tensor([0.0, 0.01, 0.5, 0.99, 1.0], dtype=torch.float64)


def test_the_path_begins_at_the_data_and_ends_at_the_noise() -> None:
    assert torch.equal(path.add_noise(DATA, NOISE, torch.zeros(5)), DATA)
    assert torch.equal(path.add_noise(DATA, NOISE, torch.ones(5)), NOISE)


def test_each_item_of_a_batch_has_its_own_time() -> None:
    x = path.add_noise(DATA, NOISE, TIMES)
    for i, time in enumerate(TIMES):
        assert torch.allclose(x[i], (1 - time) * DATA[i] + time * NOISE[i])


def test_the_velocity_is_the_slope_of_the_path() -> None:
    earlier, later = torch.full((5,), 0.25), torch.full((5,), 0.75)
    moved = path.add_noise(DATA, NOISE, earlier) + 0.5 * path.compute_velocity(DATA, NOISE)
    assert torch.allclose(moved, path.add_noise(DATA, NOISE, later))


def test_the_clean_estimate_undoes_the_noise_at_every_time() -> None:
    x = path.add_noise(DATA, NOISE, TIMES)
    clean = path.predict_x0(x, TIMES, path.compute_velocity(DATA, NOISE))
    assert torch.allclose(clean, DATA, rtol=0, atol=1e-12)


def test_drawn_times_lie_inside_and_gather_around_the_middle() -> None:
    times = path.logit_normal_times(20_000, torch.Generator().manual_seed(1))
    assert times.min() > 0 and times.max() < 1
    assert times.median().item() == pytest.approx(0.5, abs=0.02)
    assert (times - 0.5).abs().lt(0.25).float().mean() > 0.7


def test_a_shift_moves_the_middle_towards_noise_by_its_formula() -> None:
    times = path.logit_normal_times(20_000, torch.Generator().manual_seed(1), shift=3.0)
    assert times.max() < 1
    assert times.median().item() == pytest.approx(0.75, abs=0.02)


def test_the_same_generator_draws_the_same_times() -> None:
    first, second = (path.logit_normal_times(9, torch.Generator().manual_seed(2)) for _ in "ab")
    assert torch.equal(first, second)
