"""Warm-up before adversarial post-training: regression to the ends of the flow model's ODE paths.

The flow model, frozen, solves its differential equation with guidance in many steps; the generator
learns to reach the end of that path in one step from any point of it, by squared error (optional
in the released code; "Fast Text-to-Audio Generation with Adversarial Post-Training" begins without
it). Needs torch.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from engine.models.conditioning import Tokens
from engine.sampling.guidance import apply_guidance, concat_conditionings
from engine.sampling.path import predict_x0
from engine.sampling.schedule import euler_times
from engine.training.flow.batches import BatchSampler, select_prompts
from engine.training.flow.network import FlowModel
from engine.training.run import distributed
from engine.training.run.precision import mixed_precision
from engine.training.run.seeding import StepSeeds, Stream
from engine.training.settings import ArcRun


@dataclass(frozen=True, slots=True)
class OdePath:
    """The flow model's path from noise to sound: points (N + 1, B, C, L) at times (N + 1,)."""

    points: Tensor
    times: Tensor
    tokens: Tokens
    seconds: Tensor


def end_point_loss(generator: FlowModel, path: OdePath, indices: Tensor) -> Tensor:
    """Return the squared error of one-step estimates, from points `indices` (B,) to the end."""
    items = torch.arange(len(indices), device=path.points.device)
    x, times = path.points[indices, items], path.times[indices]
    velocity = generator(x, times, path.tokens, path.seconds, None)
    return (predict_x0(x, times, velocity).float() - path.points[-1]).square().mean()


@torch.no_grad()
def solve_path(
    teacher: FlowModel, noise: Tensor, tokens: Tokens, seconds: Tensor, run: ArcRun
) -> OdePath:
    """Follow the teacher with guidance from noise (B, C, L) to the end, by Euler's method."""
    dropped = torch.zeros(len(noise), dtype=torch.bool, device=noise.device)
    conditioning = concat_conditionings(
        teacher.conditioner(tokens, seconds, ~dropped),
        teacher.conditioner(tokens, seconds, dropped),
    )
    velocity = apply_guidance(
        lambda x, t: teacher.transformer(x, t, conditioning).float(), run.warm_up.guidance
    )
    times = euler_times(run.warm_up.sampling_steps).to(noise.device)
    points = [noise]
    for time, next_time in pairwise(times.unbind()):
        x = points[-1]
        points.append(x + (next_time - time) * velocity(x, time.expand(len(x))))
    return OdePath(torch.stack(points), times, tokens, seconds)


class WarmUpLosses:
    """Yields this process's losses of a warm-up step, one a microbatch, and keeps their mean."""

    def __init__(
        self,
        run: ArcRun,
        flow_model: FlowModel,
        sampler: BatchSampler,
        seeds: StepSeeds,
        device: str,
    ) -> None:
        self._run, self._sampler, self._seeds, self._device = run, sampler, seeds, device
        self._teacher = copy.deepcopy(flow_model).requires_grad_(False)
        self._student, self._step = flow_model, 0
        self._paths: list[OdePath] = []
        self._microbatches: list[slice] = []
        self._refresh: int | None = None
        self._values: list[float] = []

    def prepare_step(self, step: int, student: FlowModel) -> WarmUpLosses:
        """Solve new paths when they are due; all follows from the step's number."""
        self._student, self._step = student, step
        refresh = step // self._run.warm_up.refresh_every
        if refresh != self._refresh:
            self._solve_paths(refresh)
        self._values = []
        return self

    def _solve_paths(self, refresh: int) -> None:
        batch = self._sampler.draw(self._seeds.rng(refresh, Stream.TEACHER_BATCH))
        random = self._seeds.generator(refresh, Stream.TEACHER_NOISE)
        noise = torch.randn(batch.latents.shape, generator=random)
        tokens = self._teacher.conditioner.tokenizer(batch.captions)
        self._microbatches = distributed.microbatches(len(noise), self._run.scale.accumulate)
        self._refresh, self._paths = refresh, []
        for items in self._microbatches:
            with mixed_precision(self._run.scale, self._device):
                path = solve_path(
                    self._teacher,
                    noise[items].to(self._device),
                    select_prompts(tokens, items, self._device),
                    batch.seconds[items].to(self._device),
                    self._run,
                )
            self._paths.append(path)

    @property
    def samples(self) -> int:
        """The number of sounds in the step, over all processes."""
        return len(self._paths[0].seconds) * len(self._paths) * distributed.world_size()

    def __iter__(self) -> Iterator[Tensor]:
        random = self._seeds.generator(self._step, Stream.TEACHER_POINTS)
        steps = self._run.warm_up.sampling_steps
        indices = torch.randint(steps, (self.samples,), generator=random)
        for items, path in zip(self._microbatches, self._paths, strict=True):
            with mixed_precision(self._run.scale, self._device):
                loss = end_point_loss(self._student, path, indices[items].to(self._device))
            self._values.append(float(loss.detach()))
            yield loss

    @property
    def mean(self) -> float:
        """The mean of the losses computed so far."""
        return float(np.mean(self._values))
