"""The whole evaluation with a model that plays the real sounds: it must come out as the ceiling."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.api import EngineError, Recipe
from engine.clip import Clip
from engine.evaluation.references.examples import Example, render_held_out_examples
from engine.evaluation.reports.model_page import write_measured
from engine.evaluation.reports.report import PAGE, RESULTS, write_results
from engine.evaluation.reports.table import format_tables
from engine.evaluation.runs.evaluate import Evaluation, EvaluationSize, choose_size, evaluate
from engine.evaluation.runs.sampling import (
    Candidate,
    SamplingPlan,
    generate_all,
    load_candidate,
    parse_candidate,
)
from engine.evaluation.runs.scoring import Scores, summarize_runs
from engine.library.card import write_card
from tests.fakes.engine.embedder import FakeEmbedder, RealMaker, loads
from tests.fakes.engine.generator import CARD

SIZE = EvaluationSize(prompts=6, varied=2, seeds=2, repeats=2, sounds_of_a_kind=4, shown=2)
CONTESTANTS = [Candidate("first@2", Path("first"), 2), Candidate("second", Path("second"))]


def silent(text: str) -> None:
    """Shows nothing."""


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return render_held_out_examples(SIZE.prompts, silent)


@pytest.fixture(scope="module")
def maker(examples: list[Example]) -> RealMaker:
    return RealMaker(examples)


@pytest.fixture(scope="module")
def found(maker: RealMaker) -> Iterator[Evaluation]:
    yield evaluate(CONTESTANTS, FakeEmbedder(), SIZE, loads(maker), "cpu", silent)


def test_examples_are_held_out_and_the_same_each_time(examples: list[Example]) -> None:
    again = render_held_out_examples(2, silent)
    assert [example.prompt for example in again] == [example.prompt for example in examples[:2]]
    assert (again[1].real.samples == examples[1].real.samples).all()
    assert len({example.seed for example in examples}) == SIZE.prompts
    assert all(example.claims.kind for example in examples)


def test_rows_are_real_swapped_and_each_contestant(found: Evaluation) -> None:
    assert [row.name for row in found.rows] == [
        "real sounds",
        "real, prompts swapped",
        "first, 2 steps",
        "second, 8 steps",
    ]


def test_the_real_sounds_score_as_the_ceiling(found: Evaluation) -> None:
    real, swapped, made, _ = (row.scores for row in found.rows)
    assert made.fd == pytest.approx(0, abs=1e-3)
    assert made.kl == pytest.approx(0, abs=1e-3)
    assert (made.recall, made.coverage) == (1, 1)
    assert made.prompt_score == pytest.approx(real.prompt_score, abs=1e-3)
    assert made.ccds == pytest.approx(0, abs=1e-3)
    assert made.rtf == pytest.approx(4)
    assert real.fd is not None and real.fd > 10 * (made.fd or 0)
    assert swapped.kl is not None and swapped.kl > 10 * (made.kl or 0)
    assert real.right is not None and swapped.right is not None
    assert real.right > swapped.right


def test_repeats_have_a_spread_and_pool_their_checks(found: Evaluation) -> None:
    real, _, made, _ = found.rows
    assert made.repeats == 2
    assert made.spread.fd is not None and real.spread == Scores()
    assert made.shares[-1].count == 2 * real.shares[-1].count


def test_no_two_sounds_share_a_seed_and_one_is_not_timed(
    maker: RealMaker, examples: list[Example]
) -> None:
    maker.recipes.clear()
    made = generate_all(maker, 3, examples, SamplingPlan(SIZE.prompts, 2, 3), 1, silent)
    assert len(maker.recipes) == 1 + SIZE.prompts + 2 * 2
    seeds = {recipe.seed for recipe in maker.recipes[1:]}
    assert len(seeds) == SIZE.prompts + 2 * 2
    assert {recipe.steps for recipe in maker.recipes} == {3}
    assert len(made.clips) == SIZE.prompts
    assert [len(sounds) for sounds in made.varied] == [3, 3]


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is told by Linux")
def test_memory_is_what_a_model_takes_whatever_was_held_before(examples: list[Example]) -> None:
    class Heavy(RealMaker):
        """Holds 200 MB, and takes 100 more while it makes a sound."""

        def __init__(self) -> None:
            super().__init__(examples)
            self.weights = np.ones(25_000_000)

        def sound(self, recipe: Recipe, source: Clip | None) -> Clip:
            taken = np.ones(12_500_000)
            made = super().sound(recipe, source)
            assert taken.any()
            return made

    loaded = [load_candidate(Heavy, 2, examples[0]).memory_mb]
    held = [np.ones(10_000) for _ in range(2000)]
    del held[::2]
    loaded.append(load_candidate(Heavy, 2, examples[0]).memory_mb)
    assert loaded == [pytest.approx(300, abs=15)] * 2


def test_without_an_embedder_checks_remain(maker: RealMaker) -> None:
    found = evaluate(CONTESTANTS[:1], None, SIZE, loads(maker), "cpu", silent)
    scores = found.rows[-1].scores
    assert (scores.fd, scores.kl, scores.prompt_score, scores.ccds) == (None, None, None, None)
    assert scores.right is not None and scores.rtf == pytest.approx(4)
    assert "–" in format_tables(found.rows)


def test_the_table_lines_up(found: Evaluation) -> None:
    lines = format_tables(found.rows).splitlines()
    assert lines[0].split()[:2] == ["FD", "↓"]
    assert all(line.startswith(row.name) for line, row in zip(lines[1:], found.rows, strict=False))
    for table in format_tables(found.rows).split("\n\n"):
        assert len({len(line) for line in table.splitlines()}) == 1
    assert re.search(r" \d+% of \d+$", lines[-1])


def test_results_hold_every_figure_and_the_page_needs_nothing_else(
    found: Evaluation, tmp_path: Path
) -> None:
    paths = write_results(found, tmp_path / "new" / "folder")
    assert [path.name for path in paths] == [RESULTS, PAGE]
    results = json.loads(paths[0].read_text(encoding="utf-8"))
    assert results["about"]["embedder"] == "fake"
    assert results["rows"][2]["scores"]["rtf"] == pytest.approx(4)
    assert results["rows"][2]["checks"]
    assert len(results["examples"]) == SIZE.prompts
    page = paths[1].read_text(encoding="utf-8")
    sources = re.findall(r'(?:src|href)="([^"]{0,20})', page)
    # Two examples, each with the real sound and two models' as a picture and as a sound.
    assert len(sources) == 2 * 3 * 2
    assert all(source.startswith(("data:image/png;", "data:audio/ogg;")) for source in sources)
    assert "<h3>" in page and "seed 1" in page


def test_a_models_page_keeps_what_people_wrote(found: Evaluation, tmp_path: Path) -> None:
    model, page = tmp_path / "model", tmp_path / "page.md"
    model.mkdir()
    write_card(model, CARD)
    page.write_text("# Mine\n\n<!-- measured -->\nold\n<!-- end of measured -->\n\nand mine\n")
    for _ in range(2):
        write_measured(page, model, found)
        text = page.read_text(encoding="utf-8")
        assert text.startswith("# Mine\n") and text.endswith("\n\nand mine\n")
        assert "old" not in text and text.count("| first, 2 steps |") == 2
        assert "44100 Hz, stereo, up to 12 s" in text
    page.write_text("# Mine\n")
    with pytest.raises(EngineError, match="has no place for figures"):
        write_measured(page, model, found)
    assert page.read_text() == "# Mine\n"
    with pytest.raises(EngineError, match="could not be written"):
        write_measured(tmp_path / "nowhere.md", model, found)


def test_a_report_that_cannot_be_written_says_so(found: Evaluation, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match="name another one with --out"):
        write_results(found, tmp_path / "file" / "folder")


def test_contestants_are_named_with_their_steps() -> None:
    assert parse_candidate("arc@4", Path) == Candidate("arc@4", Path("arc"), 4)
    assert parse_candidate("arc", Path) == Candidate("arc", Path("arc"))
    for wrong in ("arc@", "arc@0", "arc@many", "arc@101"):
        with pytest.raises(EngineError, match=r"Steps must be 1\.\.100"):
            parse_candidate(wrong, Path)


def test_sizes_that_measure_nothing_are_refused() -> None:
    assert choose_size(quick=True).prompts == 24
    assert (choose_size(False, 10, 3).prompts, choose_size(False, 10, 3).varied) == (10, 10)
    for prompts, repeats in ((3, 1), (10, 0), (10**6, 1)):
        with pytest.raises(EngineError, match="must be"):
            choose_size(False, prompts, repeats)


def test_a_row_is_the_mean_and_the_deviation_of_its_runs() -> None:
    row = summarize_runs("x", 1, [Scores(fd=1.0, rtf=3.0), Scores(fd=3.0)], [])
    assert row.scores == Scores(fd=2.0, rtf=3.0)
    assert row.spread.fd == pytest.approx(2**0.5)
    assert row.spread.rtf is None
