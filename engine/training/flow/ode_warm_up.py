"""Warm-up before adversarial post-training: learn where the flow model's own path ends.

The flow model, unchanged, solves its differential equation with guidance in many steps; the
generator learns to reach the end of that path in one step from anywhere on it, by squared error
(optional in the released code; "Fast Text-to-Audio Generation with Adversarial Post-Training"
begins without it).
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
from engine.sampling import path as flow
from engine.sampling.guidance import guided, joined
from engine.sampling.schedule import euler_times
from engine.training.flow.rectified_flow import Batches, Generative, chosen
from engine.training.run import distributed as processes
from engine.training.run.precision import precision
from engine.training.run.seeding import StepSeeds, Stream
from engine.training.settings import ArcRun


@dataclass(frozen=True, slots=True)
class Path:
    """The flow model's way from noise to sound: points (N + 1, B, C, L) at times (N + 1,)."""

    points: Tensor
    times: Tensor
    tokens: Tokens
    seconds: Tensor


def end_loss(generator: Generative, path: Path, which: Tensor) -> Tensor:
    """Squared error of the one-step estimates from points number `which` (B,) to the end."""
    items = torch.arange(len(which), device=path.points.device)
    x, times = path.points[which, items], path.times[which]
    velocity = generator(x, times, path.tokens, path.seconds, None)
    return (flow.clean_estimate(x, times, velocity).float() - path.points[-1]).square().mean()


@torch.no_grad()
def solved(
    teacher: Generative, noise: Tensor, tokens: Tokens, seconds: Tensor, run: ArcRun
) -> Path:
    """Follow the teacher from noise (B, C, L) to the end, with guidance."""
    hidden = torch.zeros(len(noise), dtype=torch.bool, device=noise.device)
    conditioning = joined(
        teacher.conditioner(tokens, seconds, ~hidden), teacher.conditioner(tokens, seconds, hidden)
    )
    velocity = guided(
        lambda x, t: teacher.transformer(x, t, conditioning).float(), run.warm_up.guidance
    )
    times = euler_times(run.warm_up.sampling_steps).to(noise.device)
    points = [noise]
    for now, then in pairwise(times.unbind()):
        x = points[-1]
        points.append(x + (then - now) * velocity(x, now.expand(len(x))))
    return Path(torch.stack(points), times, tokens, seconds)


class WarmUpLosses:
    """This process's parts of one warm-up step's loss after the other, and then their mean."""

    def __init__(
        self,
        run: ArcRun,
        flow_model: Generative,
        batches: Batches,
        seeds: StepSeeds,
        device: str,
    ) -> None:
        self._run, self._batches, self._seeds, self._device = run, batches, seeds, device
        self._teacher = copy.deepcopy(flow_model).requires_grad_(False)
        self._student, self._step = flow_model, 0
        self._paths: list[Path] = []
        self._which: list[slice] = []
        self._solved: int | None = None
        self._values: list[float] = []

    def of_step(self, step: int, student: Generative) -> WarmUpLosses:
        """Make ready for a step; the same after a restart, since all follows from its number."""
        self._student, self._step = student, step
        refresh = step // self._run.warm_up.refresh_every
        if refresh != self._solved:
            self._solve(refresh)
        self._values = []
        return self

    def _solve(self, refresh: int) -> None:
        batch = self._batches.draw(self._seeds.rng(refresh, Stream.TEACHER_BATCH))
        random = self._seeds.generator(refresh, Stream.TEACHER_NOISE)
        noise = torch.randn(batch.latents.shape, generator=random)
        tokens = self._teacher.conditioner.tokenizer(batch.captions)
        self._which = processes.parts(len(noise), self._run.scale.accumulate)
        self._solved, self._paths = refresh, []
        for share in self._which:
            with precision(self._run.scale, self._device):
                path = solved(
                    self._teacher,
                    noise[share].to(self._device),
                    chosen(tokens, share, self._device),
                    batch.seconds[share].to(self._device),
                    self._run,
                )
            self._paths.append(path)

    @property
    def samples(self) -> int:
        """How many sounds the step has, over all processes."""
        return len(self._paths[0].seconds) * len(self._paths) * processes.count()

    def __iter__(self) -> Iterator[Tensor]:
        random = self._seeds.generator(self._step, Stream.TEACHER_POINTS)
        steps = self._run.warm_up.sampling_steps
        points = torch.randint(steps, (self.samples,), generator=random)
        for share, path in zip(self._which, self._paths, strict=True):
            with precision(self._run.scale, self._device):
                loss = end_loss(self._student, path, points[share].to(self._device))
            self._values.append(float(loss.detach()))
            yield loss

    @property
    def mean(self) -> float:
        """The mean of the parts that were asked for."""
        return float(np.mean(self._values))
