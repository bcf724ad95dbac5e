"""Samplers on velocities that are known: a perfect one leads to the data."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from engine.sampling.samplers import Noise, euler, ping_pong, start_at_time
from engine.sampling.schedule import euler_times, ping_pong_times

RANDOM = torch.Generator().manual_seed(0)
DATA = torch.randn(2, 4, 9, generator=RANDOM)
NOISE = torch.randn(2, 4, 9, generator=RANDOM)


def perfect(x: Tensor, time: Tensor) -> Tensor:
    """The velocity of the one path through x that begins at the data."""
    return (x - DATA) / time[:, None, None]


def drawing(seed: int) -> Noise:
    random = torch.Generator().manual_seed(seed)
    return lambda like: torch.randn(like.shape, generator=random)


def nothing(step: int) -> None:
    pass


@pytest.mark.parametrize("start", [0.01, 0.5, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 8, 100])
def test_a_perfect_velocity_leads_to_the_data(steps: int, start: float) -> None:
    x = start_at_time(NOISE, DATA, start)
    made = ping_pong(perfect, x, ping_pong_times(steps, start), drawing(1), nothing)
    assert torch.allclose(made, DATA, atol=1e-5)
    made = euler(perfect, x, euler_times(steps, start), nothing)
    assert torch.allclose(made, DATA, atol=1e-4)


def test_a_start_without_source_is_the_noise() -> None:
    assert start_at_time(NOISE, None, 0.3) is NOISE
    assert torch.equal(start_at_time(NOISE, DATA, 1.0), NOISE)


def test_a_weaker_start_keeps_more_of_the_source() -> None:
    kept = [
        torch.corrcoef(torch.stack([start_at_time(NOISE, DATA, s).flatten(), DATA.flatten()]))[0, 1]
        for s in (0.01, 0.25, 0.5, 0.75, 1.0)
    ]
    assert kept == sorted(kept, reverse=True)
    assert kept[0] > 0.999 and abs(kept[-1]) < 0.3


def test_euler_follows_a_curved_flow_better_with_more_steps() -> None:
    def decay(x: Tensor, time: Tensor) -> Tensor:
        return x

    truth = NOISE * torch.exp(torch.tensor(-1.0))
    errors = [
        (euler(decay, NOISE, euler_times(steps), nothing) - truth).abs().max().item()
        for steps in (4, 16, 64)
    ]
    assert errors[1] < errors[0] / 3 and errors[2] < errors[1] / 3


def test_ping_pong_draws_noise_before_all_steps_but_the_first() -> None:
    drawn = []

    def noise(like: Tensor) -> Tensor:
        drawn.append(like.shape)
        return torch.zeros_like(like)

    ping_pong(perfect, NOISE, ping_pong_times(5), noise, nothing)
    assert drawn == [NOISE.shape] * 4


def test_the_network_is_asked_at_the_times_of_the_schedule() -> None:
    asked: list[Tensor] = []

    def velocity(x: Tensor, time: Tensor) -> Tensor:
        asked.append(time)
        return torch.zeros_like(x)

    ping_pong(velocity, NOISE, ping_pong_times(3, 0.7), drawing(1), nothing)
    euler(velocity, NOISE, euler_times(3, 0.7), nothing)
    wanted = torch.cat([ping_pong_times(3, 0.7)[:-1], euler_times(3, 0.7)[:-1]])
    assert torch.equal(torch.stack(asked), wanted[:, None].expand(6, 2))


def test_steps_are_reported_and_an_error_there_stops_the_sampler() -> None:
    done: list[int] = []

    def stop_at_two(step: int) -> None:
        done.append(step)
        if step == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        euler(perfect, NOISE, euler_times(5), stop_at_two)
    with pytest.raises(InterruptedError):
        ping_pong(perfect, NOISE, ping_pong_times(5), drawing(1), stop_at_two)
    assert done == [1, 2, 1, 2]
