"""DPM-Solver++(3M) SDE on networks that are known: data is reached, a spread is kept."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from engine.sampling.config import SamplingConfig
from engine.sampling.dpm import dpm_3m_sde, make_sigmas, start_at_sigma
from engine.sampling.sample import SamplingStart, sample
from engine.sampling.samplers import Velocity

RANDOM = torch.Generator().manual_seed(0)
DATA = torch.randn(2, 4, 9, generator=RANDOM)
NOISE = torch.randn(2, 4, 9, generator=RANDOM)


def drawn(like: Tensor) -> Tensor:
    return torch.randn(like.shape, generator=RANDOM)


def nothing(step: int) -> None:
    pass


def pointing_at(data: Tensor, spread: float = 0.0) -> Velocity:
    """The best network of the v objective for normal data of this mean and deviation."""

    def velocity(x: Tensor, time: Tensor) -> Tensor:
        angle = (time * math.pi / 2)[:, None, None]
        cosine, sine = angle.cos(), angle.sin()
        gain = spread**2 * cosine / (spread**2 * cosine**2 + sine**2)
        clean = data + gain * (x - cosine * data)
        return (cosine * x - clean) / sine

    return velocity


def test_ratios_fall_evenly_in_their_logarithm_from_all_noise_to_none() -> None:
    sigmas = make_sigmas(5)
    assert sigmas[0] == pytest.approx(500) and sigmas[-2] == pytest.approx(0.3)
    assert sigmas[-1] == 0
    steps = sigmas[:-1].log().diff()
    assert torch.allclose(steps, steps[:1].expand(4), atol=1e-5)


@pytest.mark.parametrize("start", [0.01, 0.2, 0.5, 0.99, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 3, 100])
def test_ratios_begin_at_the_start_s_own_and_always_fall(steps: int, start: float) -> None:
    sigmas = make_sigmas(steps, start)
    wanted = min(start / (1 - start), 500.0) if start < 1 else 500.0
    assert sigmas[0] == pytest.approx(wanted, rel=1e-4)
    assert (sigmas.diff() < 0).all() and len(sigmas) == steps + 1


@pytest.mark.parametrize(("steps", "start"), [(0, 1.0), (5, 0.0), (5, 1.1)])
def test_impossible_schedules_are_refused(steps: int, start: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        make_sigmas(steps, start)


@pytest.mark.parametrize("start", [0.01, 0.6, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 3, 50])
def test_a_perfect_network_leads_to_the_data(steps: int, start: float) -> None:
    sigmas = make_sigmas(steps, start)
    x = start_at_sigma(NOISE, DATA, sigmas[0])
    made = dpm_3m_sde(pointing_at(DATA), x, sigmas, drawn, nothing)
    assert torch.allclose(made, DATA, atol=1e-3)


@pytest.mark.parametrize("spread", [0.5, 1.0, 2.0])
def test_many_steps_give_back_the_spread_of_the_data(spread: float) -> None:
    noise = torch.randn(8, 4, 4000, generator=RANDOM)
    # Down to almost no noise: the last step takes the mean of what is left.
    sigmas = torch.cat([torch.logspace(2, -2, 60), torch.zeros(1)])
    network = pointing_at(torch.zeros(()), spread)
    made = dpm_3m_sde(network, start_at_sigma(noise, None, sigmas[0]), sigmas, drawn, nothing)
    assert float(made.std()) == pytest.approx(spread, rel=0.01)
    assert float(made.mean()) == pytest.approx(0, abs=0.02 * spread)


def test_a_model_that_wants_it_is_sampled_so_and_steps_are_reported() -> None:
    done: list[int] = []
    config = SamplingConfig("v_dpm_3m_sde", guidance=7.0)
    made = sample(config, pointing_at(DATA), SamplingStart(NOISE, DATA, 0.3), 4, drawn, done.append)
    assert torch.allclose(made, DATA, atol=1e-4)
    assert done == [1, 2, 3, 4]
