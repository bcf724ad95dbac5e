"""The paper's table by its command, from the corpus to a model that plays, in miniature."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.cli import main as command_line
from engine.api import Recipe
from engine.evaluation.runs.evaluate import measure
from engine.experiments import table as paper_table
from engine.experiments.plan import ROWS, read_plan
from engine.experiments.rows import pool_runs, read_measurement
from engine.experiments.table import summarize_training
from engine.generation.generator import load_generator
from engine.library.card import list_models
from engine.training.settings import read_run
from tests.fakes.engine.tiny_table import TABLE, TRAININGS

PRESETS = Path(__file__).parents[3] / "presets" / "training"


@dataclass(frozen=True, slots=True)
class QuickTable:
    """A finished table: where it lies."""

    home: Path
    config: Path
    run: Path
    page: Path

    def again(self, *more: str) -> int:
        arguments = [str(self.config), "--run", str(self.run), "--report", str(self.page)]
        return command_line.main(["table", *arguments, *more])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> QuickTable:
    home = tmp_path_factory.mktemp("home")
    config = home / "tiny.toml"
    config.write_text(TABLE, encoding="utf-8")
    made = QuickTable(home, config, home / "run", home / "docs" / "results.md")
    with pytest.MonkeyPatch.context() as during:
        during.setenv("PINGPAD_HOME", str(home))
        assert made.again("--keep", "Tiny") == 0
    return made


@pytest.fixture(autouse=True)
def at_home(made: QuickTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """The app's folders are those that the table was made in."""
    monkeypatch.setenv("PINGPAD_HOME", str(made.home))


def figures(made: QuickTable) -> dict[str, Any]:
    table: dict[str, Any] = json.loads(made.page.with_suffix(".json").read_text(encoding="utf-8"))
    return table


def test_every_training_and_every_row_is_there(made: QuickTable) -> None:
    table = figures(made)
    assert [training["name"] for training in table["trainings"]] == TRAININGS
    assert all(training["steps"] == 6 for training in table["trainings"])
    assert all(training["hours"] > 0 and training["machines"] for training in table["trainings"])
    assert [(row["name"], row["steps"]) for row in table["rows"]] == [
        (row.name, row.steps) for row in ROWS
    ]
    for row in table["rows"]:
        scores = row["scores"]
        assert row["repeats"] == 2 and row["models"] == 1 and row["hours"] > 0
        assert all(scores[name] is not None for name in ("fd", "kl", "ccds", "rtf", "right"))
        assert row["spread"]["fd"] is not None
    assert [row["name"] for row in table["references"]] == ["real sounds", "real, prompts swapped"]


def test_the_page_states_figures_counts_and_the_machine(made: QuickTable) -> None:
    page = made.page.read_text(encoding="utf-8")
    table = figures(made)
    lines = [line for line in page.splitlines() if line.startswith("| ARC | 8 |")]
    assert len(lines) == 2
    fd = next(r for r in table["rows"] if (r["name"], r["steps"]) == ("ARC", 8))["scores"]["fd"]
    assert f"| {fd:.3f} ±" in lines[0]
    for said in ("Of no use.", "4 held-out prompts", "euler, guidance 2", table["measured_on"][0]):
        assert said in page
    widths = {line.count("|") for line in page.splitlines() if line.startswith("| ARC")}
    assert len(widths) == 2


def test_ablations_differ_from_the_post_training_in_one_setting(made: QuickTable) -> None:
    runs = {name: read_run(made.run / name / "config.toml") for name in TRAININGS[3:]}
    first: Any = runs["arc-0"]
    assert (first.contrastive_weight, first.relativistic) == (1.0, True)
    assert runs["arc-without-contrast-0"] == replace(first, contrastive_weight=0.0)
    assert runs["arc-least-squares-0"] == replace(first, relativistic=False)


def test_the_kept_model_is_listed_and_plays(
    made: QuickTable, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder,) = list_models(made.home / "data" / "models")
    assert command_line.main(["models"]) == 0
    assert "Tiny: " in capsys.readouterr().out
    generator = load_generator(folder, "cpu")
    assert (generator.card.name, generator.card.trained.notes[-10:]) == ("Tiny", "Of no use.")
    clip = generator.generate(Recipe("punchy kick", seconds=0.25, steps=2, seed=1)).clip
    assert clip.frames == 11_025 and np.abs(clip.samples).max() > 0


def test_what_is_done_is_not_done_again(made: QuickTable, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("it was done already")

    for name in ("train", "export_model", "measure", "build_reference_set"):
        monkeypatch.setattr(paper_table, name, never)
    before = figures(made), made.page.read_text(encoding="utf-8")
    made.page.unlink()
    assert made.again() == 0
    assert (figures(made), made.page.read_text(encoding="utf-8")) == before


def test_a_lost_row_alone_is_measured_again(
    made: QuickTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[Any] = []

    def counting(generator: Any, wanted: int, *rest: Any) -> Any:  # noqa: ANN401 - passes on
        steps.append(wanted)
        return measure(generator, wanted, *rest)

    monkeypatch.setattr(paper_table, "measure", counting)
    before = figures(made)["rows"][3]["scores"]
    (made.run / "rows" / "arc-0@4.json").unlink()
    assert made.again() == 0
    assert steps == [4]
    after = figures(made)["rows"][3]["scores"]
    timed = {"rtf": 0, "memory_mb": 0}
    assert after | timed == before | timed


def test_rows_of_another_sampling_are_measured_again(
    made: QuickTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[Any] = []

    def counting(generator: Any, wanted: int, *rest: Any) -> Any:  # noqa: ANN401 - passes on
        steps.append((generator.generator.model.sampling.guidance, wanted))
        return measure(generator, wanted, *rest)

    monkeypatch.setattr(paper_table, "measure", counting)
    before = made.config.read_text(encoding="utf-8")
    made.config.write_text(before.replace("guidance = 2.0", "guidance = 3.0"), encoding="utf-8")
    try:
        assert made.again() == 0
        assert steps == [(3.0, 50), (3.0, 8)]
        assert "guidance 3" in made.page.read_text(encoding="utf-8")
    finally:
        made.config.write_text(before, encoding="utf-8")
        made.again()


def test_another_config_in_the_same_folder_is_refused(
    made: QuickTable, capsys: pytest.CaptureFixture[str]
) -> None:
    made.config.write_text(TABLE.replace("dims = 8", "dims = 16"), encoding="utf-8")
    assert made.again() == 1
    made.config.write_text(TABLE, encoding="utf-8")
    said = capsys.readouterr().err
    assert "begun with another config: choose another folder with --run" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("[arc.optimiser]", "[ark.optimiser]"), "arc must be a table or a path, got None"),
        (("ff_multiple = 1", "ff_multiple = 0"), "ff_multiple must be at least 1, got 0"),
        (("seeds = [0]", "seeds = [0, 0]"), "seeds must be different numbers"),
        (("prompts = 4", "prompts = 3"), "prompts must be 4..10000, got 3"),
        (("[codec", "[kodec"), "codec must be a table or a path, got None"),
        (('note = "Of no use."', "kind = 1"), "unknown keys: kind"),
    ],
)
def test_a_mistake_is_named_before_anything_is_trained(
    change: tuple[str, str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "wrong.toml"
    config.write_text(TABLE.replace(*change), encoding="utf-8")
    assert command_line.main(["table", str(config), "--run", str(tmp_path / "run")]) == 1
    assert said in capsys.readouterr().err
    assert not list(tmp_path.glob("run/*/"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--quick", "other.toml"], "leave one of the two out"),
        (["nothing.toml"], "There is no file nothing.toml"),
        (["--quick", "--keep", "a/b"], '"a/b" cannot be a model\'s name'),
        (["--quick", "--keep", "Tiny"], 'there is a model "Tiny" already'),
    ],
)
def test_what_cannot_be_asked_for_is_refused_at_once(
    made: QuickTable, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.main(["table", *arguments]) == 1
    assert said in capsys.readouterr().err


def test_several_processes_are_told_what_they_may_do(
    made: QuickTable, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert made.again() == 1
    assert "let torchrun do the long trainings beforehand" in capsys.readouterr().err


def test_a_row_is_pooled_over_its_trainings(made: QuickTable) -> None:
    plan = read_plan(made.config)
    settings = replace(plan.settings, seeds=(3, 5))
    both = replace(plan, settings=settings)
    assert both.models(ROWS[0]) == ["flow"] and both.models(ROWS[2]) == ["arc-3", "arc-5"]
    names = [stage.name for stage in both.stages(made.run)]
    assert names[3:5] == ["arc-3", "arc-5"] and len(names) == 3 + 3 * 2
    embedder = figures(made)["embedder"]
    kept = [
        read_measurement(made.run / "rows" / name, settings.evaluation, embedder)
        for name in ("arc-0@8.json", "arc-0@1.json")
    ]
    assert (
        read_measurement(made.run / "rows" / "arc-0@8.json", settings.evaluation, "other") is None
    )
    row = pool_runs("x", 8, [one for one in kept if one is not None])
    assert row.repeats == 4
    means = [figures(made)["rows"][place]["scores"]["fd"] for place in (2, 5)]
    assert row.scores.fd == pytest.approx(sum(means) / 2)


def test_hours_and_shares_are_those_of_the_metrics(tmp_path: Path) -> None:
    metrics = tmp_path / "metrics.jsonl"
    assert summarize_training("x", metrics) is None
    lines = [
        {"step": 5, "machine": "a", "seconds": 1800, "cpu_seconds": 900, "samples_per_s": 1.0},
        {"step": 9, "machine": "b", "seconds": 5400, "cpu_seconds": 900, "samples_per_s": 3.0},
    ]
    metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    training = summarize_training("x", metrics)
    assert training is not None
    assert (training.steps, training.hours, training.cpu_hours) == (9, 2.0, 0.5)
    assert (training.samples_per_s, training.matrix_share) == (2.5, None)
    assert training.machines == ("a", "b")
    metrics.write_text('{"step": 5, "loss": 1.0}\n')
    assert summarize_training("x", metrics) is None


@pytest.mark.parametrize("name", ["quick", "table"])
def test_preset_tables_can_be_read(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PRESETS.parents[1])
    plan = read_plan(PRESETS / f"{name}.toml")
    for stage in plan.stages(tmp_path):
        (tmp_path / f"{stage.name}.toml").write_text(stage.text, encoding="utf-8")
        read_run(tmp_path / f"{stage.name}.toml")
