"""The training loop: what it logs, when it saves, and how it goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.training.run.checkpoint import CHECKPOINT
from engine.training.run.loop import Metrics, State, StepResult, Trainer, read_unlogged, run_steps
from engine.training.run.seeding import VERSION, VERSION_KEY, StepSeeds
from engine.training.run.throughput import Work
from engine.training.settings import OptimizerConfig
from tests.fakes.engine.tiny_runs import curve, opened_run


class CountingTrainer(Trainer):
    """Has one number as its weights, which each step raises by one."""

    def __init__(self) -> None:
        self.seeds = StepSeeds(0)
        self.weight = 0

    def step(self, step: int) -> StepResult:
        """Raise the weight."""
        assert self.weight == step
        self.weight += 1
        means = {"even": float(step)} if step % 2 == 0 else {"odd": float(step)}
        return StepResult(Work(1), means, {"last": float(step)})

    def state(self) -> State:
        """Return the weight."""
        return {"weight": self.weight}

    def restore(self, state: State) -> None:
        """Put the weight back."""
        self.weight = state["weight"]

    def warnings(self, metrics: Metrics, step: int) -> list[str]:
        """Warn at step 4."""
        return ["four is enough"] if step == 4 else []


def settings(steps: int) -> OptimizerConfig:
    return OptimizerConfig(steps, 1, 1e-3, checkpoint_every=3, log_every=4)


def test_a_line_holds_means_since_the_last_line_and_the_latest_values(tmp_path: Path) -> None:
    with opened_run(tmp_path / "run") as folder:
        run_steps(CountingTrainer(), settings(8), folder, folder.load())
    assert curve(tmp_path / "run") == [
        {"step": 4, "even": 1.0, "odd": 2.0, "last": 3.0},
        {"step": 8, "even": 5.0, "odd": 6.0, "last": 7.0},
    ]


def test_a_run_that_goes_on_logs_the_steps_that_its_checkpoint_had_not_logged(
    tmp_path: Path,
) -> None:
    # Saved after 7 steps, three of which wait for the line of step 8.
    for steps in (7, 8):
        with opened_run(tmp_path / "run") as folder:
            run_steps(CountingTrainer(), settings(steps), folder, folder.load())
    assert curve(tmp_path / "run")[-1] == {"step": 8, "even": 5.0, "odd": 6.0, "last": 7.0}


def test_a_checkpoint_holds_the_trainer_the_step_and_how_it_was_seeded(tmp_path: Path) -> None:
    with opened_run(tmp_path / "run") as folder:
        run_steps(CountingTrainer(), settings(5), folder, folder.load())
    state = torch.load(tmp_path / "run" / CHECKPOINT, weights_only=True)
    assert state["weight"] == state["step"] == 5
    assert state["unlogged"] == {"even": [4.0]}
    assert state[VERSION_KEY] == VERSION


def test_losses_that_an_earlier_version_left_unlogged_are_taken_up() -> None:
    assert read_unlogged({"unlogged": [1.0, 2.0]}) == {"loss": [1.0, 2.0]}
    assert read_unlogged({"unlogged": []}) == read_unlogged({}) == {}
    assert read_unlogged({"unlogged": {"gap": [1.0]}}) == {"gap": [1.0]}


def test_warnings_are_shown_beside_the_line_they_are_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened_run(tmp_path / "run") as folder:
        run_steps(CountingTrainer(), settings(8), folder, folder.load())
    assert capsys.readouterr().err.count("four is enough") == 1
