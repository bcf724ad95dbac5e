"""The command `evaluate` from arguments to files, with a generator that makes ramps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.cli import main as command_line
from engine.corpus.captions.lexicon import lexicon
from engine.evaluation.runs import kind_figures
from engine.library.card import write_card
from tests.fakes.engine.generator import CARD, load_generator
from tests.fakes.engine.tiny_model import write_tiny_model


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, beside a model named fake."""
    model = tmp_path / "home" / "data" / "models" / "fake"
    model.mkdir(parents=True)
    write_card(model, CARD)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("PINGPAD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path / "here"


def evaluate(*arguments: str) -> int:
    return command_line.main(["evaluate", *arguments], load_generator)


def test_figures_are_printed_and_both_files_written(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = ("--quick", "--prompts", "4", "--embedder", "none", "--json")
    assert evaluate("fake@3", *quick, "--out", "found") == 0
    said = capsys.readouterr()
    results = json.loads(said.out)
    names = [row["name"] for row in results["rows"]]
    assert names == ["real sounds", "real, prompts swapped", "fake, 3 steps"]
    assert results["rows"][2]["scores"]["fd"] is None
    assert results["rows"][2]["scores"]["rtf"] > 0
    assert "no embedder" in said.err
    assert sorted(path.name for path in (here / "found").iterdir()) == [
        "report.html",
        "results.json",
    ]


def test_codecs_are_measured_beside_opus(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tiny_model(here / "tiny")
    monkeypatch.setenv("PATH", str(here))
    assert evaluate("tiny", "--codec", "--prompts", "4", "--out", "found", "--json") == 0
    said = capsys.readouterr()
    results = json.loads(said.out)
    assert [row["name"] for row in results["rows"]] == ["frames alone", "tiny"]
    assert "Opus is left out" in said.err
    assert json.loads((here / "found" / "codecs.json").read_text()) == results
    assert evaluate("fake", "--codec") == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("nobody",), 'there is no model "nobody"'),
        (("fake@0",), "Steps must be 1..100, got fake@0"),
        (("fake", "--prompts", "3"), "prompts must be 4..10000, got 3"),
        (("fake", "--embedder", "home"), "home holds no embedder"),
        (("fake", "--device", "abacus"), 'There is no device "abacus" here'),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(
    arguments: tuple[str, ...], text: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(*arguments) == 1
    said = capsys.readouterr().err
    assert said.startswith("pingpad: ") and said.count("\n") == 1
    assert text in said
    assert not list(here.iterdir())


def test_what_is_left_of_recordings_is_measured(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("fake", "--recordings", "--quick", "--out", "found", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["strength"] for row in rows] == [0.3, 0.5, 0.6, 0.7, 0.8, 0.95]
    # The double gives its recording back at half level.
    assert rows[0]["hums"] == 1
    assert json.loads((here / "found" / "recordings.json").read_text())["rows"] == rows


def test_kinds_are_gone_through_and_written_into_a_page(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    two = [lexicon().kinds[key] for key in ("kick", "rain")]
    monkeypatch.setattr(kind_figures, "kinds_to_measure", lambda: two)
    (here / "page.md").write_text("<!-- kinds --><!-- end of kinds -->")
    quick = ("--kinds", "--quick", "--out", "found", "--json", "--page", "page.md")
    assert evaluate("fake@1", *quick) == 0
    results = json.loads(capsys.readouterr().out)
    (found,) = results["models"]
    assert [figures["kind"] for figures in found["kinds"]] == ["kick", "rain"]
    assert [figures["sounds"] for figures in found["kinds"]] == [2, 2]
    assert json.loads((here / "found" / "kinds.json").read_text()) == results
    assert "| kick |" in (here / "page.md").read_text(encoding="utf-8")
    assert evaluate("fake", "--kinds", "--recordings") == 2
    assert evaluate("fake", "--kinds", "--prompts", "1") == 1


def test_a_blind_test_is_made_beside_its_key(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["listen", "fake@1", "fake@2", "--blind", "2", "--out", "page"]
    assert command_line.main(asked, load_generator) == 0
    assert capsys.readouterr().out == f"{Path('page') / 'index.html'}\n"
    page = (here / "page" / "index.html").read_text(encoding="utf-8")
    assert "python main.py listen fake@1 --blind 2<" in page
    assert (here / "page" / "key.txt").read_text(encoding="utf-8").count("\n") == 3
    assert command_line.main(["listen", "fake", "--blind", "0"], load_generator) == 1


def test_a_listening_page_is_made(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = here.parent / "home" / "data" / "models" / "fake"
    asked = ["listen", f"Ramp={elsewhere}@2", "fake@1", "--quick", "--out", "page"]
    assert command_line.main(asked, load_generator) == 0
    assert capsys.readouterr().out == f"{Path('page') / 'index.html'}\n"
    page = (here / "page" / "index.html").read_text(encoding="utf-8")
    # Nobody else has this computer's folders.
    relative = Path("..") / "home" / "data" / "models" / "fake"
    assert f"python main.py listen Ramp={relative}@2 fake@1 --quick<" in page
    assert str(here.parent) not in page
    assert command_line.main(["listen", "nobody"], load_generator) == 1
