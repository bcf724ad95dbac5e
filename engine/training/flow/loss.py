"""The loss of rectified flow, and its mean over the microbatches of a step. Needs torch.

The loss is the mean squared error of the velocity at random times of the straight path between
data and noise ("Fast Text-to-Audio Generation with Adversarial Post-Training", equations 1-3).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch import Tensor

from engine.sampling.path import add_noise, compute_velocity, compute_velocity_to
from engine.training.flow.batches import FlowBatch
from engine.training.flow.distillation import GuidanceTeacher
from engine.training.flow.network import FlowModel
from engine.training.run import distributed
from engine.training.run.precision import mixed_precision
from engine.training.settings import FlowRun


def velocity_loss(predicted: Tensor, data: Tensor, noise: Tensor) -> Tensor:
    """Return the mean squared error against the path's velocity."""
    return (predicted - compute_velocity(data, noise)).square().mean()


def flow_loss(
    network: FlowModel, batch: FlowBatch, run: FlowRun, teacher: GuidanceTeacher | None = None
) -> Tensor:
    """Return the velocity loss of a microbatch on the network's device (equations 1 to 3).

    With a teacher the target is its velocity. For pairs it is the velocity from the noised source
    to the data: not a path of the flow, but the one to where ping-pong's first step from a
    recording should arrive.
    """
    paired = batch.sources is not None
    start = batch.data if batch.sources is None else batch.sources
    with mixed_precision(run.scale, batch.data.device):
        x = add_noise(start, batch.noise, batch.times)
        predicted = network(x, batch.times, batch.tokens, batch.seconds, batch.keep_prompt)
        if teacher is not None and not paired:
            return (predicted.float() - teacher.velocity(x, batch)).square().mean()
    if paired:
        target = compute_velocity_to(batch.data, x, batch.times)
        return (predicted.float() - target).square().mean()
    return velocity_loss(predicted.float(), batch.data, batch.noise)


class MicrobatchLosses:
    """Yields this process's losses of a step, one a microbatch, and keeps their mean."""

    def __init__(
        self,
        network: FlowModel,
        batch: FlowBatch,
        run: FlowRun,
        device: str,
        teacher: GuidanceTeacher | None,
    ) -> None:
        self._network, self._batch, self._run = network, batch, run
        self._device, self._teacher = device, teacher
        self._values: list[float] = []

    def __iter__(self) -> Iterator[Tensor]:
        size = len(self._batch.data)
        for items in distributed.microbatches(size, self._run.scale.accumulate):
            microbatch = self._batch.microbatch(items, self._device)
            loss = flow_loss(self._network, microbatch, self._run, self._teacher)
            self._values.append(float(loss.detach()))
            yield loss

    @property
    def mean(self) -> float:
        """The mean of the losses computed so far."""
        return float(np.mean(self._values))
