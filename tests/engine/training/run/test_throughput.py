"""A run's speed: operations counted by formula as torch counts them, shares of a measured rate."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from engine.models.dit import Conditioning, DiffusionTransformer
from engine.models.dit_config import DiffusionTransformerConfig
from engine.training.run.metrics_log import METRICS
from engine.training.run.throughput import (
    TRAINING_PASSES,
    ThroughputMeter,
    Work,
    measure_peak_flops,
    transformer_flops,
)
from engine.training.settings import ScalingConfig
from tests.fakes.engine.tiny_runs import CODEC_RUN, arc_run, flow_run, opened_run, start

ITEMS, LATENTS, CONTEXT = 3, 32, 9
CONFIGS = [
    DiffusionTransformerConfig(16, 2, 64, 3, 2, 32, 48, 3, adaln=True),
    DiffusionTransformerConfig(8, 1, 32, 2, 1, 16, 32, 2),
]


def given(config: DiffusionTransformerConfig) -> tuple[torch.Tensor, torch.Tensor, Conditioning]:
    tokens = torch.randn(ITEMS, CONTEXT, config.cond_token_dim)
    overall = torch.randn(ITEMS, config.global_cond_dim)
    x = torch.randn(ITEMS, config.io_channels, LATENTS)
    return x, torch.rand(ITEMS), Conditioning(tokens, None, overall)


@pytest.mark.parametrize("config", CONFIGS)
def test_operations_are_those_that_torch_counts(config: DiffusionTransformerConfig) -> None:
    network, inputs = DiffusionTransformer(config), given(config)
    with FlopCounterMode(display=False) as forward:
        network(*inputs)
    with FlopCounterMode(display=False) as part:
        network.hidden_states(*inputs, 1)
    with FlopCounterMode(display=False) as trained:
        network(*inputs).sum().backward()
    counted = ITEMS * transformer_flops(config, LATENTS, CONTEXT)
    # The features of the time are not counted: a thousandth in a network as small as this one.
    assert counted == pytest.approx(forward.get_total_flops(), rel=3e-3)
    first = ITEMS * transformer_flops(config, LATENTS, CONTEXT, 1)
    assert first == pytest.approx(part.get_total_flops(), rel=3e-3)
    assert TRAINING_PASSES * counted == pytest.approx(trained.get_total_flops(), rel=0.02)


def test_the_measured_rate_is_one_that_a_machine_can_have() -> None:
    rates = [measure_peak_flops("cpu", ScalingConfig(bf16=bf16)) for bf16 in (True, False)]
    assert all(1e8 < rate < 1e16 for rate in rates)


def test_work_is_told_by_the_second_and_as_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    watch = ThroughputMeter()
    watch.set_peak_flops(1000.0)
    now[0] = 104.0
    watch.begin()
    for _ in range(5):
        watch.add(Work(8, 400.0))
    now[0] = 108.0
    speed = watch.read()
    assert (speed["seconds"], speed["samples_per_s"], speed["matrix_share"]) == (4, 10, 0.5)
    now[0] = 109.0
    assert watch.read().keys() == {"seconds", "cpu_seconds"}


def test_a_flow_and_its_post_training_tell_their_speed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codec = start(tmp_path / "codec", CODEC_RUN)
    flow = start(tmp_path / "flow", flow_run(codec))
    arc = start(tmp_path / "arc", arc_run(flow))
    for run in (flow, arc):
        for line in (run / METRICS).read_text().splitlines():
            values = json.loads(line)
            assert values["samples_per_s"] > 0 and 0 < values["matrix_share"] < 2
            assert values["seconds"] > 0
    assert "samples_per_s" in capsys.readouterr().err


def test_the_clock_starts_when_the_sounds_are_ready(tmp_path: Path) -> None:
    with opened_run(tmp_path) as run:
        run.throughput._wall_time -= 3600
        run.load()
        run.log(1, {"loss": 1.0})
    assert json.loads((tmp_path / METRICS).read_text())["seconds"] < 3000
