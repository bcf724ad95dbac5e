"""Training configs: the presets are right, and nonsense is named before anything is rendered."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.files.strict import ConfigError, from_table
from engine.files.toml import read_toml
from engine.loading.model_folder import ModelConfig
from engine.training.settings import CodecRun, FlowRun, read_run
from tests.fakes.engine.tiny_runs import CODEC_RUN, flow_run

FOLDER = Path(__file__).parents[3] / "presets" / "training"
TABLES = {"quick", "table"}
"""These are of many trainings: the tests of the table read them."""
PRESETS = [path for path in sorted(FOLDER.glob("*.toml")) if path.stem not in TABLES]


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_presets_can_be_read(path: Path) -> None:
    assert read_run(path).optimiser.steps > 0


def test_own_sounds_go_on_from_the_model_that_ships() -> None:
    run = read_run(FOLDER / "own-sounds.toml")
    assert isinstance(run, FlowRun) and run.begin == run.codec == "assets/embedded"
    table = read_toml(FOLDER.parents[1] / run.begin / "config.toml")
    shipped = from_table(ModelConfig, table, "config.toml")
    assert (run.transformer, run.conditioner) == (shipped.transformer, shipped.conditioner)


def test_a_stage_decides_the_kind_of_run(tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text(CODEC_RUN)
    assert isinstance(read_run(config), CodecRun)
    config.write_text(flow_run(tmp_path))
    run = read_run(config)
    assert isinstance(run, FlowRun) and run.codec == str(tmp_path)
    for stage in ("'dance'", "3", "[1]"):
        config.write_text(CODEC_RUN.replace('"codec"', stage, 1))
        with pytest.raises(ConfigError, match="stage must be one of codec, flow"):
            read_run(config)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("steps = 6", "steps = 0", "steps must be at least 1, got 0"),
        ("steps = 6", "", "lacks: steps"),
        ("log_every = 1", "log_every = 0", "log_every must be at least 1"),
        ("checkpoint_every = 2", "checkpoint_every = 0", "checkpoint_every must be at least 1"),
        ("learning_rate = 1e-3", "learning_rate = nan", "learning_rate must be above 0, got nan"),
        ("warmup = 2", "betas = [0.9]", "betas must be two numbers"),
        ("warmup = 2", "ema_decay = 1.5", "ema_decay must be at least 0 and below 1"),
        ("clips = [6]", "clips = [6, 7]", "same number of entries"),
        ("clips = [6]", "clips = [0]", "seconds and clips must be above 0"),
        ('families = ["drum"]', 'families = ["drums"]', "families must be some of drum, "),
        ('families = ["drum"]', "families = []", "families must be some of drum, "),
        ("seconds = [0.4]", "seconds = [0.001]", "no kind of drum fits into 0.001 seconds"),
        ("render_batch = 3", "render_batch = 0", "render_batch must be at least 1"),
        ("tokens_per_batch = 64", "tokens_per_batch = 0", "tokens_per_batch must be at least 1"),
        ("tokens_per_batch = 64", "prompt_dropout = 2", "prompt_dropout must be 0..1, got 2.0"),
        ("tokens_per_batch = 64", "time_truncation = 1", "time_truncation must be at least 0 and"),
        ("tokens_per_batch = 64", "time_shift = 0", "time_shift must be above 0, got 0.0"),
        ("tokens_per_batch = 64", "distilled_guidance = 3", "distilled_guidance needs the model"),
        ("cond_token_dim = 16", "cond_token_dim = 8", "must be conditioner.width 16, got 8"),
        ("tokens_per_batch", "tokens_per_bach", "unknown keys: tokens_per_bach"),
    ],
)
def test_nonsense_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    config = tmp_path / "run.toml"
    text = flow_run(tmp_path)
    assert old in text
    config.write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        read_run(config)
    assert said in str(caught.value)
