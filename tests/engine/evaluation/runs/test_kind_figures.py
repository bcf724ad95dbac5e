"""Figures kind by kind, of makers whose sounds are known: real ones, silence, others' sounds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from engine.api import EngineError, Recipe
from engine.clip import Clip
from engine.corpus.captions.lexicon import Kind, lexicon
from engine.corpus.sources.rendered import is_held_caption
from engine.evaluation.references.kind_examples import (
    has_held_combinations,
    kinds_to_measure,
    render_held_out_of_kind,
    render_variants,
)
from engine.evaluation.reports.kind_table import kinds_json, kinds_page, kinds_table, write_kinds
from engine.evaluation.reports.model_page import KINDS, write_between
from engine.evaluation.runs.kind_figures import (
    KindFigures,
    KindsEvaluation,
    KindsSize,
    choose_kinds_size,
    compare_kinds,
)
from engine.evaluation.runs.sampling import Candidate
from tests.fakes.engine.generator import SoundOfRecipe

RATE = 44_100
SIZE = KindsSize(captions=3, seeds=3, sounds_of_a_kind=6)
KICK, BASS, RAIN = (lexicon().kinds[key] for key in ("kick", "bass", "rain"))
Play = Callable[[Recipe], Clip]


@dataclass
class Maker(SoundOfRecipe):
    """A generator whose sounds are those of `play`."""

    play: Play

    def sound(self, recipe: Recipe, source: Clip | None) -> Clip:
        assert source is None and recipe.steps == 2
        return self.play(recipe)


def silent(text: str) -> None:
    """Shows nothing."""


def real_sounds(*kinds: Kind) -> Play:
    """What the corpus renders for the captions, and for a bare name by seed."""
    sounds = {
        (example.prompt, example.seed): example.real
        for kind in kinds
        for example in render_held_out_of_kind(
            kind, SIZE.captions, of_combinations=has_held_combinations(kind)
        )
    }
    for kind in kinds:
        variants = render_variants(kind, SIZE.seeds)
        sounds |= {(variants.prompt, seed): clip for seed, clip in enumerate(variants.clips, 1)}
    return lambda recipe: sounds[recipe.prompt, recipe.seed or 0]


def tone(seconds: float, gain: float = 0.5) -> Clip:
    time = np.arange(round(seconds * RATE)) / RATE
    wave = gain * np.sin(2 * np.pi * 1000 * time)
    wave[[0, -1]] = 0
    return Clip(np.stack([wave, wave], axis=1).astype(np.float32), RATE)


def found_of(play: Play, *kinds: Kind) -> KindsEvaluation:
    candidates = [Candidate("it@2", Path("it"), 2)]

    def load(folder: Path, device: str) -> Maker:
        return Maker(play)

    (found,) = compare_kinds(candidates, SIZE, load, "cpu", silent, kinds)
    return found


def right(figures: KindFigures, name: str) -> tuple[int, int]:
    """Right of so many."""
    checks = [check for of in figures.checks for check in of if check.property == name]
    return sum(check.verdict == "right" for check in checks), len(checks)


def test_every_kind_but_a_mouths_is_measured() -> None:
    keys = {kind.key for kind in kinds_to_measure()}
    assert {"kick", "rain", "loop", "chord"} <= keys and not keys & {"hum", "beatbox loop"}


def test_captions_of_a_kind_are_held_out_and_the_same_each_time() -> None:
    assert has_held_combinations(KICK) and not has_held_combinations(RAIN)
    for kind in (KICK, RAIN):
        held = has_held_combinations(kind)
        first, again = (render_held_out_of_kind(kind, 2, of_combinations=held) for _ in range(2))
        assert all(is_held_caption(example.prompt) for example in first)
        assert {example.claims.kind for example in first} == {kind.key}
        for one, other in zip(first, again, strict=True):
            assert one.prompt == other.prompt
            assert np.array_equal(one.real.samples, other.real.samples)


def test_variants_of_a_name_are_of_one_length_and_not_one_sound() -> None:
    variants = render_variants(KICK, 4)
    assert variants.prompt == "kick"
    lengths = [clip.seconds for clip in variants.clips]
    assert lengths == pytest.approx([variants.seconds] * 4, rel=0.1)
    first, second = (clip.samples[:4000] for clip in variants.clips[:2])
    assert not np.allclose(first, second, atol=0.05)


def test_real_sounds_are_the_ceiling() -> None:
    found = found_of(real_sounds(KICK, BASS), KICK, BASS)
    assert (found.model, found.steps) == ("it", 2)
    for figures in found.kinds:
        assert (figures.alike, figures.checks) == (figures.alike_real, figures.checks_real)
        assert figures.alike >= 2
        assert figures.spread == pytest.approx(1)
        assert (figures.silent, figures.cut) == (0, 0)
    pitch = right(found.kinds[1], "pitch")
    assert pitch[0] == pitch[1] > 0


def test_sounds_of_another_kind_are_not_alike_and_have_not_the_note() -> None:
    kicks = [example.real for example in render_held_out_of_kind(KICK, 3, of_combinations=True)]
    figures = found_of(lambda recipe: kicks[(recipe.seed or 0) % 3], KICK, BASS).kinds
    assert figures[1].alike < figures[1].alike_real
    assert right(figures[1], "pitch")[0] == 0 < right(figures[1], "pitch")[1]


def test_silence_a_click_and_a_wrong_length_are_counted() -> None:
    def faulty(recipe: Recipe) -> Clip:
        """Silence, then a click, then a frame too few."""
        samples = tone(recipe.seconds).samples.copy()
        if recipe.seed == 1:
            samples *= 1e-3
        elif recipe.seed == 2:
            samples[-1] = 0.1
        else:
            samples = samples[1:].copy()
            samples[0] = 0
        return Clip(samples, RATE)

    (figures,) = found_of(faulty, KICK).kinds
    assert (figures.sounds, figures.silent, figures.clicks, figures.cut) == (3, 1, 1, 1)


def test_level_is_from_the_loudest_to_the_softest_and_a_sound_made_again_has_no_spread() -> None:
    # The name is asked for with the seeds one to three, and a caption by each of these too.
    levels = found_of(lambda recipe: tone(1.0, 0.5 ** (recipe.seed or 0)), RAIN).kinds[0]
    assert levels.level_db == pytest.approx(20 * np.log10(4), abs=0.01)
    assert found_of(lambda recipe: tone(1.0), RAIN).kinds[0].spread == 0
    assert found_of(lambda recipe: tone(1.0, 1e-4), RAIN).kinds[0].level_db is None


def test_the_table_has_a_line_a_kind_with_sums_and_says_what_is_not_held_out() -> None:
    found = [found_of(lambda recipe: tone(recipe.seconds), KICK, RAIN, lexicon().kinds["sea"])]
    lines = kinds_table(found).splitlines()
    assert [line.split("  ")[0] for line in lines[3:]] == [
        "kick",
        "rain *",
        "sea",
        "all of texture",
        "all",
    ]
    alike = sum(figures.alike for figures in found[0].kinds)
    assert f" {alike} of 9 (" in lines[-1]
    assert " 6 of 6 (" in lines[-1]
    page = kinds_page(found)
    assert "| rain \\* |" in page and "9 have exactly the asked frames" in page


def test_the_figures_go_to_a_file_and_between_their_own_marks(tmp_path: Path) -> None:
    found = [found_of(lambda recipe: tone(recipe.seconds), KICK)]
    path = write_kinds(found, tmp_path / "new")
    assert json.loads(path.read_text()) == json.loads(kinds_json(found))
    page = tmp_path / "page.md"
    others = "<!-- measured -->\nmine\n<!-- end of measured -->\n"
    page.write_text(f"{others}<!-- kinds -->\nold\n<!-- end of kinds -->\nmine too\n")
    write_between(page, KINDS, kinds_page(found))
    text = page.read_text(encoding="utf-8")
    assert text.startswith(others) and text.endswith("\nmine too\n")
    assert "| kick |" in text and "old" not in text


def test_sizes_that_measure_nothing_are_refused() -> None:
    assert choose_kinds_size(False, None) == KindsSize()
    assert choose_kinds_size(True, 5).captions == 5 and choose_kinds_size(True, None).captions == 2
    for captions in (0, 1, 101):
        with pytest.raises(EngineError, match=r"prompts must be 2\.\.100"):
            choose_kinds_size(False, captions)
