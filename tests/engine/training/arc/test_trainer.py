"""Adversarial post-training in miniature: who learns when, that it goes on, that it plays."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.api import Recipe
from engine.generation.generator import load_generator
from engine.sampling.config import SamplingConfig
from engine.training.arc import losses
from engine.training.arc import trainer as arc
from engine.training.arc.ode_warm_up import WarmUpLosses, end_point_loss
from engine.training.arc.trainer import AdversarialTrainer, load_networks
from engine.training.export import ModelInfo, export_model
from engine.training.flow.batches import BatchSampler
from engine.training.flow.trainer import load_latent_buckets
from engine.training.run.checkpoint import CHECKPOINT
from engine.training.run.errors import RunError
from engine.training.run.metrics_log import METRICS
from engine.training.run.precision import apply_scaling
from engine.training.run.run_folder import RunFolder
from engine.training.run.seeding import StepSeeds
from engine.training.settings import ArcRun, FlowRun, ScalingConfig, WarmUpConfig, read_run
from tests.fakes.engine.tiny_runs import CODEC_RUN, arc_run, flow_run, start


@pytest.fixture(scope="module")
def codec_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return start(tmp_path_factory.mktemp("codec") / "run", CODEC_RUN)


@pytest.fixture(scope="module")
def flow_folder(codec_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return start(tmp_path_factory.mktemp("flow") / "run", flow_run(codec_run))


@pytest.fixture(scope="module")
def arc_folder(flow_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return start(tmp_path_factory.mktemp("arc") / "run", arc_run(flow_folder))


def training_of(
    flow_folder: Path,
    parts: int = 1,
    **changes: Any,  # noqa: ANN401 - settings of any kind
) -> AdversarialTrainer:
    base = read_run(flow_folder / "config.toml")
    assert isinstance(base, FlowRun)
    run = ArcRun(base.optimiser, str(flow_folder), **{"scale": ScalingConfig(bf16=False)} | changes)
    if run.tokens_per_batch:
        base = replace(base, tokens_per_batch=run.tokens_per_batch)
    generator, critic = load_networks(run, base, "cpu")
    pool = load_latent_buckets(base, flow_folder, print, "cpu")
    batches = BatchSampler(pool, base, parts)
    return AdversarialTrainer(run, generator, critic, batches, StepSeeds(run.seed), "cpu")


def weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def moved(network: nn.Module, before: dict[str, Tensor]) -> set[str]:
    return {k for k, v in network.state_dict().items() if not torch.equal(v, before[k])}


@pytest.mark.parametrize("relativistic", [True, False])
def test_each_step_changes_the_side_being_trained_and_no_weight_of_the_other(
    flow_folder: Path, relativistic: bool
) -> None:
    training = training_of(flow_folder, relativistic=relativistic, penalty_weight=1.0)
    for step in range(4):
        before = weights(training.generator), weights(training.critic)
        for network in (training.generator, training.critic):
            network.zero_grad(set_to_none=True)
        training.step(step)
        sides = [training.generator, training.critic]
        learning, still = sides if step % 2 == 0 else sides[::-1]
        old, kept = before if step % 2 == 0 else before[::-1]
        assert moved(still, kept) == set()
        assert all(p.grad is None for p in still.parameters())
        # Of the whole network: words that no caption of the batch holds stay.
        trained = {name for name, p in learning.named_parameters() if p.requires_grad}
        unmoved = trained - moved(learning, old)
        assert {name for name in unmoved if not name.endswith("no_prompt")} == set()


def test_the_generator_is_pushed_up_by_the_critic_and_the_critic_apart(flow_folder: Path) -> None:
    training = training_of(flow_folder)
    draws = (training.draw_batch(step) for step in range(20))
    # In so small a corpus another item of the batch may bear the same caption.
    drawn = next(d for d in draws if not torch.equal(d.tokens.ids, d.wrong_tokens.ids))
    values: list[dict[str, float]] = []
    for step in range(15):
        training.generator_opt.update_microbatches(
            training.generator_losses(drawn, values), 1, step
        )
    assert values[-1]["generator"] < values[0]["generator"]
    values.clear()
    for step in range(15):
        training.critic_opt.update_microbatches(training.critic_losses(drawn, values), 1, step)
    assert values[-1]["discriminator"] < values[0]["discriminator"]
    assert values[-1]["contrastive"] < values[0]["contrastive"]
    assert values[-1]["gap"] > values[0]["gap"]


def test_parts_of_a_batch_give_the_gradient_of_the_whole(flow_folder: Path) -> None:
    whole = training_of(flow_folder, parts=2)
    scale = ScalingConfig(accumulate=2, bf16=False, recompute=True)
    parts = training_of(flow_folder, parts=2, scale=scale)
    for step in range(2):
        means = [training.step(step).means for training in (whole, parts)]
        for name in ("generator", "discriminator", "contrastive", "gap"):
            if name in means[0]:
                assert means[0][name] == pytest.approx(means[1][name], abs=1e-5)
    for one, other in ((whole.generator, parts.generator), (whole.critic, parts.critic)):
        for name, value in one.state_dict().items():
            # Only differences of scores count, so the last offset's gradient is rounding alone.
            if name == "head.layers.12.bias":
                continue
            assert torch.allclose(value, other.state_dict()[name], atol=2e-4), name


# Dynamo itself asks tensors in the middle of a graph for their gradient.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
def test_compiled_blocks_are_the_same_network(flow_folder: Path) -> None:
    training = training_of(flow_folder)
    plain, compiled = training.generator, copy.deepcopy(training.generator)
    apply_scaling(compiled, ScalingConfig(compile="eager"))
    drawn = training.draw_batch(0)
    given = (drawn.data, drawn.times, drawn.tokens, drawn.seconds, None)
    one, other = (network(*given) for network in (plain, compiled))
    assert torch.allclose(one, other, atol=1e-5)
    assert plain.state_dict().keys() == compiled.state_dict().keys()


def test_one_sound_has_no_other_prompt(flow_folder: Path) -> None:
    with pytest.raises(RunError, match="needs two sounds or more"):
        training_of(flow_folder, tokens_per_batch=1).step(1)
    values = training_of(flow_folder, tokens_per_batch=1, contrastive_weight=0.0).step(1).means
    assert np.isfinite(values["discriminator"])


def test_warm_up_learns_the_end_of_the_teachers_path_and_leaves_the_critic(
    flow_folder: Path,
) -> None:
    warm_up = WarmUpConfig(steps=30, refresh_every=30, sampling_steps=3)
    training = training_of(flow_folder, warm_up=warm_up)
    before = weights(training.critic)
    losses = [training.step(step).means["warm_up"] for step in range(30)]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    assert moved(training.critic, before) == set()
    again = training_of(flow_folder, warm_up=warm_up)
    # A restart in the middle solves the same paths from the flow model that does not change.
    assert again.step(0).means["warm_up"] == losses[0]
    assert "generator" in training.step(30).means


def test_the_last_point_of_a_path_is_its_own_end(flow_folder: Path) -> None:
    training = training_of(flow_folder, warm_up=WarmUpConfig(steps=1, sampling_steps=3))
    losses = WarmUpLosses(training.run, training.generator, training.sampler, training.seeds, "cpu")
    losses.prepare_step(0, training.generator)
    path = losses._paths[0]
    last = torch.full((len(path.seconds),), len(path.times) - 1)
    assert end_point_loss(training.generator, path, last).item() == pytest.approx(0, abs=1e-9)


def test_a_post_trained_run_is_a_model_that_plays(
    arc_folder: Path, codec_run: Path, tmp_path: Path
) -> None:
    lines = [json.loads(line) for line in (arc_folder / METRICS).read_text().splitlines()]
    said = set().union(*lines)
    assert {"generator", "discriminator", "gap", "contrastive_accuracy", "diversity"} <= said
    export_model(arc_folder, codec_run, tmp_path / "model", ModelInfo("mine"), SamplingConfig())
    generator = load_generator(tmp_path / "model", "cpu")
    assert "adversarial" in generator.card.trained.notes
    made = generator.generate(Recipe("punchy kick", seconds=0.25, steps=1, seed=1))
    assert made.clip.frames == 11_025 and np.abs(made.clip.samples).max() > 0


class Killed(BaseException):
    """Ends a training as a power cut would."""


def test_a_killed_post_training_goes_on_where_it_was(
    arc_folder: Path, flow_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = RunFolder.log

    def dying(self: RunFolder, now: int, values: dict[str, float]) -> None:
        if now == 5:
            raise Killed
        log(self, now, values)

    with monkeypatch.context() as during:
        during.setattr(RunFolder, "log", dying)
        with pytest.raises(Killed):
            start(tmp_path / "run", arc_run(flow_folder))
    start(tmp_path / "run", arc_run(flow_folder))
    states = [
        torch.load(folder / CHECKPOINT, weights_only=True)
        for folder in (tmp_path / "run", arc_folder)
    ]
    for side in ("optimising", "critic"):
        for name, value in states[0][side]["network"].items():
            assert torch.equal(value, states[1][side]["network"][name]), name


def test_what_is_no_flow_run_is_refused(codec_run: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is no flow run"):
        start(tmp_path / "run", arc_run(codec_run))
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "config.toml").write_text(flow_run(codec_run))
    with pytest.raises(RunError, match="holds no checkpoint"):
        start(tmp_path / "other", arc_run(empty))


@pytest.mark.parametrize("side", ["generator", "discriminator"])
def test_a_loss_that_is_no_number_keeps_the_last_checkpoint(
    flow_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    name = f"relativistic_{side}_loss"
    right, calls = getattr(losses, name), []

    def broken(real: Tensor, fake: Tensor) -> Tensor:
        calls.append(1)
        loss: Tensor = right(real, fake)
        return loss * (float("nan") if len(calls) == 2 else 1.0)

    monkeypatch.setattr(losses, name, broken)
    # Each side sees every other step: its second one is step 2 of G, 3 of D.
    step = 2 if side == "generator" else 3
    with pytest.raises(RunError, match=f"NaN or infinite at step {step}"):
        start(tmp_path / "run", arc_run(flow_folder).replace("log_every = 1", "log_every = 50"))
    state = torch.load(tmp_path / "run" / CHECKPOINT, weights_only=True)
    assert state["step"] == 2
    assert all(torch.isfinite(v).all() for v in state["optimising"]["network"].values())


def test_a_collapse_is_said_while_training(
    flow_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = "The discriminator has won"
    start(tmp_path / "well", arc_run(flow_folder))
    assert said not in capsys.readouterr().err
    monkeypatch.setattr(arc, "WINNING_LOSS", 100.0)
    start(tmp_path / "run", arc_run(flow_folder))
    assert said in capsys.readouterr().err
