"""Steps, rates, the averaged weights, and gradients that are no numbers."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from engine.training.run.errors import RunError
from engine.training.run.optimizer import OptimizerState
from engine.training.settings import OptimizerConfig

SETTINGS = OptimizerConfig(steps=100, batch=1, learning_rate=0.1, warmup=10, weight_decay=0.0)


def line() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(3, 1)


def loss(network: nn.Linear) -> Tensor:
    return (network(torch.ones(1, 3)) - 5).square().mean()


def test_the_rate_rises_then_falls_to_a_tenth() -> None:
    optimising = OptimizerState(line(), SETTINGS)
    rates = [optimising.learning_rate(step) for step in range(101)]
    assert rates[0] == pytest.approx(0.01) and max(rates) == pytest.approx(0.1)
    assert rates[9] == rates[10] == max(rates)
    assert rates[:10] == sorted(rates[:10]) and rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[100] == optimising.learning_rate(1_000) == pytest.approx(0.01)


def test_with_a_decay_share_the_rate_is_constant_and_falls_at_the_end() -> None:
    optimizer = OptimizerState(line(), replace(SETTINGS, decay_share=0.2))
    rates = [optimizer.learning_rate(step) for step in range(101)]
    assert rates[10:80] == [pytest.approx(0.1)] * 70
    assert rates[90] == pytest.approx(0.05) and rates[100] == 0
    assert optimizer.learning_rate(1_000) == 0


def test_steps_bring_the_loss_down_and_the_average_follows() -> None:
    network = line()
    optimising = OptimizerState(network, SETTINGS)
    first = loss(network).item()
    for step in range(100):
        norm = optimising.update(loss(network), step)
    assert loss(network).item() < first / 100
    assert norm < 1
    averaged = nn.Linear(3, 1)
    averaged.load_state_dict(optimising.ema)
    assert loss(averaged).item() < first / 10
    assert not torch.equal(averaged.weight, network.weight)


def test_long_gradients_are_clipped() -> None:
    network = line()
    norm = OptimizerState(network, SETTINGS).update(loss(network) * 1e6, 0)
    assert norm > 1e6
    gradients = torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])
    assert gradients.norm().item() == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_and_leaves_the_weights(bad: float) -> None:
    network = line()
    optimising = OptimizerState(network, SETTINGS)
    optimising.update(loss(network), 0)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    average = {name: value.clone() for name, value in optimising.ema.items()}
    with pytest.raises(RunError, match="NaN or infinite at step 1"):
        optimising.update(loss(network) * bad, 1)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
        assert torch.equal(optimising.ema[name], average[name])


def test_a_restored_state_goes_on_bit_for_bit() -> None:
    networks = [line(), line()]
    first, second = (OptimizerState(network, SETTINGS) for network in networks)
    for step in range(5):
        first.update(loss(networks[0]), step)
    second.restore(deepcopy(first.state()))
    for step in range(5, 8):
        first.update(loss(networks[0]), step)
        second.update(loss(networks[1]), step)
    assert torch.equal(networks[0].weight, networks[1].weight)
    for name, value in first.ema.items():
        assert torch.equal(value, second.ema[name])
        assert value is not second.ema[name]
