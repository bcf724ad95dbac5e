"""The training loop: the steps, metrics and checkpoints of every stage. Needs torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.training.run import distributed
from engine.training.run.run_folder import RunFolder
from engine.training.run.seeding import VERSION_KEY, StepSeeds
from engine.training.run.throughput import Work
from engine.training.settings import OptimizerConfig

Metrics = dict[str, float]
State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StepResult:
    """The work and the metrics of one step.

    A line of the log holds the `means` averaged over the steps since the last line, and the
    `latest` values of the last step.
    """

    work: Work
    means: Metrics = field(default_factory=dict)
    latest: Metrics = field(default_factory=dict)


class Trainer(ABC):
    """The networks and optimisers of one stage, and what a step does with them."""

    seeds: StepSeeds

    @abstractmethod
    def step(self, step: int) -> StepResult:
        """Update the weights; all that a step draws follows from its number and the seeds."""

    @abstractmethod
    def state(self) -> State:
        """Return everything that `restore` needs; all processes must call this together."""

    @abstractmethod
    def restore(self, state: State) -> None:
        """Restore what `state` returned."""

    def warnings(self, metrics: Metrics, step: int) -> list[str]:
        """Return warnings about the metrics logged at a step."""
        return []


def run_steps(
    trainer: Trainer, settings: OptimizerConfig, folder: RunFolder, checkpoint: State | None
) -> None:
    """Train until settings.steps, from the beginning or resuming from `checkpoint`.

    Raises RunError when a loss is not finite or the disk is full; the last checkpoint is kept.
    """
    step, unlogged = 0, dict[str, list[float]]()
    if checkpoint is not None:
        trainer.restore(checkpoint)
        step, unlogged = checkpoint["step"], read_unlogged(checkpoint)
    latest: Metrics = {}
    while step < settings.steps:
        result = trainer.step(step)
        step += 1
        folder.throughput.add(result.work)
        for name, value in result.means.items():
            unlogged.setdefault(name, []).append(value)
        latest = result.latest
        if step % settings.log_every == 0:
            metrics = {name: float(np.mean(values)) for name, values in unlogged.items()}
            unlogged.clear()
            _log(trainer, settings, folder, step, metrics | latest)
        if step % settings.checkpoint_every == 0 or step == settings.steps:
            folder.save(
                {
                    **trainer.state(),
                    "step": step,
                    "unlogged": unlogged,
                    VERSION_KEY: trainer.seeds.version,
                }
            )


def read_unlogged(checkpoint: State) -> dict[str, list[float]]:
    """Return the metrics of the steps since the last line of the log, by name."""
    unlogged = checkpoint.get("unlogged", {})
    # Version 1 of a flow's checkpoints has the losses alone.
    named = unlogged if isinstance(unlogged, dict) else {"loss": unlogged}
    return {name: list(values) for name, values in named.items() if values}


def _log(
    trainer: Trainer, settings: OptimizerConfig, folder: RunFolder, step: int, metrics: Metrics
) -> None:
    metrics = distributed.reduce_mean(metrics)
    folder.log(step, metrics)
    folder.show_progress(step, settings.steps, metrics)
    for warning in trainer.warnings(metrics, step):
        folder.note(warning)
