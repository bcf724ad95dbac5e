"""The flow's loss by hand, and the times at which it is taken."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engine.models.conditioning import PromptTokenizer, Tokens
from engine.models.dit import Conditioning
from engine.models.dit_config import DiffusionTransformerConfig
from engine.sampling.path import logit_normal_times, predict_x0
from engine.training.flow.batches import FlowBatch
from engine.training.flow.distillation import GuidanceTeacher
from engine.training.flow.loss import flow_loss, velocity_loss
from engine.training.flow.times import stratified_times
from engine.training.settings import DatasetConfig, FlowRun, OptimizerConfig, ScalingConfig

RUN = FlowRun(
    OptimizerConfig(1, 1, 1e-3),
    DatasetConfig(),
    "codec",
    DiffusionTransformerConfig(1, cond_token_dim=256, global_cond_dim=256),
    scale=ScalingConfig(bf16=False),
)


class Echo(nn.Module):
    """A network that takes its input for the velocity."""

    def forward(self, x: Tensor, time: Tensor, tokens: Tokens, *rest: Tensor | None) -> Tensor:
        return x


def test_the_velocity_s_loss_is_the_squared_distance_from_noise_minus_data() -> None:
    data, noise = torch.tensor([2.0, 0.0]), torch.tensor([5.0, -1.0])
    assert velocity_loss(torch.tensor([1.0, 1.0]), data, noise).item() == ((1 - 3) ** 2 + 4) / 2
    assert velocity_loss(noise - data, data, noise).item() == 0


def test_the_flow_s_loss_is_that_computed_by_hand() -> None:
    tokens = PromptTokenizer(("a",), 4)(["a", "a"])
    batch = FlowBatch(
        data=torch.tensor([[[2.0]], [[-1.0]]]),
        noise=torch.tensor([[[4.0]], [[1.0]]]),
        times=torch.tensor([0.25, 1.0]),
        tokens=tokens,
        seconds=torch.ones(2),
        keep_prompt=torch.ones(2, dtype=torch.bool),
    )
    # x_t is 0.75 * 2 + 0.25 * 4 = 2.5, and 1; the velocities are 2 and 2.
    network: object = Echo()
    loss = flow_loss(network, batch, RUN)  # type: ignore[arg-type]
    assert loss.item() == pytest.approx((0.5**2 + 1**2) / 2)


def test_from_a_recording_the_velocity_leads_to_what_it_becomes() -> None:
    batch = FlowBatch(
        data=torch.tensor([[[2.0]]]),
        noise=torch.tensor([[[5.0]]]),
        times=torch.tensor([0.5]),
        tokens=PromptTokenizer(("a",), 4)(["a"]),
        seconds=torch.ones(1),
        keep_prompt=torch.ones(1, dtype=torch.bool),
        sources=torch.tensor([[[1.0]]]),
    )
    # x is halfway from 1 to 5; from 3 a velocity of 2 leads to 2 at time 0.
    network: Any = Echo()
    assert flow_loss(network, batch, RUN).item() == pytest.approx((3 - 2) ** 2)
    assert predict_x0(torch.tensor(3.0), torch.tensor(0.5), torch.tensor(2.0)) == 2.0
    # A teacher knows nothing of recordings.
    teacher = GuidanceTeacher(Split(), 4.0)  # type: ignore[arg-type]
    assert flow_loss(network, batch, RUN, teacher).item() == pytest.approx(1.0)


class Split(nn.Module):
    """A network whose velocity is 3 with the prompt and 1 without, at any x."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))

    def conditioner(self, tokens: Tokens, seconds: Tensor, keep: Tensor) -> Conditioning:
        return Conditioning(torch.zeros(len(keep), 1, 1), None, 1.0 + 2.0 * keep[:, None])

    def transformer(self, x: Tensor, time: Tensor, conditioning: Conditioning) -> Tensor:
        return self.gain * conditioning.global_cond[:, :, None].expand_as(x)

    def forward(
        self, x: Tensor, time: Tensor, tokens: Tokens, seconds: Tensor, keep: Tensor
    ) -> Tensor:
        return self.transformer(x, time, self.conditioner(tokens, seconds, keep))


def test_a_teacher_s_guided_velocity_takes_the_place_of_the_data_s() -> None:
    network: Any = Split()
    teacher = GuidanceTeacher(network, 4.0)
    batch = FlowBatch(
        data=torch.zeros(2, 1, 1),
        noise=torch.ones(2, 1, 1),
        times=torch.tensor([0.25, 1.0]),
        tokens=PromptTokenizer(("a",), 4)(["a", "a"]),
        seconds=torch.ones(2),
        keep_prompt=torch.tensor([True, False]),
    )
    # Guided: 1 + 4 * (3 - 1) = 9; where the prompt is hidden, 1.
    assert teacher.velocity(batch.data, batch).flatten().tolist() == [9.0, 1.0]
    loss = flow_loss(network, batch, RUN, teacher)
    assert loss.item() == ((3 - 9) ** 2 + 0) / 2
    loss.backward()
    assert network.gain.grad is not None
    with torch.no_grad():
        network.gain.fill_(2.0)
    assert teacher.velocity(batch.data, batch).flatten().tolist() == [9.0, 1.0]


@pytest.mark.parametrize("truncation", [0.0, 0.2])
def test_each_equal_share_of_the_distribution_gives_one_time(truncation: float) -> None:
    random = torch.Generator().manual_seed(0)
    times = stratified_times(64, random, 1.0, truncation)
    assert not torch.equal(times, times.sort().values)
    share = torch.special.ndtr(torch.logit(times.sort().values.double() * (1 - truncation)))
    share = share / torch.special.ndtr(share.new_tensor(1 - truncation).logit())
    assert (share * 64).floor().tolist() == list(range(64))


def test_times_are_moved_towards_noise_by_the_shift_s_formula() -> None:
    even, moved = (
        stratified_times(9, torch.Generator().manual_seed(3), shift) for shift in (1.0, 8.0)
    )
    assert torch.allclose(moved, 8 * even / (1 + 7 * even))


def test_truncated_times_are_the_kept_part_of_the_distribution_stretched() -> None:
    """Against drawing again and again until a time is not cut off."""
    times = stratified_times(100_000, torch.Generator().manual_seed(1), 1.0, 0.075)
    drawn = logit_normal_times(400_000, torch.Generator().manual_seed(2))
    wanted = drawn[drawn < 0.925] / 0.925
    at = torch.tensor([0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99])
    assert torch.allclose(times.quantile(at), wanted[:300_000].quantile(at), atol=0.005)
    assert times.min() > 0 and times.max() <= 1
    usual = stratified_times(100_000, torch.Generator().manual_seed(1), 1.0)
    assert (times > 0.97).sum() > 5 * (usual > 0.97).sum()
