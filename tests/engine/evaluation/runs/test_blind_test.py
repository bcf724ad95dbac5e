"""A blind test: its key is true, and nothing but the sound tells which one is real."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest

from engine.api import EngineError, Recipe
from engine.clip import Clip
from engine.evaluation.references.kind_examples import (
    has_held_combinations,
    kinds_to_measure,
    render_held_out_of_kind,
)
from engine.evaluation.reports.listening_page import PageInfo
from engine.evaluation.runs.blind_test import BlindTest, make_blind_test, write_blind_test
from engine.evaluation.runs.listening import parse_method
from tests.fakes.engine.generator import SoundOfRecipe

PAIRS = 8
ABOUT = PageInfo("2026-11-21", "a machine", "python main.py listen --blind 8")


class Copies(SoundOfRecipe):
    """A generator whose sounds are the real ones at another level, or 400 Hz at that level."""

    def __init__(self, reals: dict[str, Clip] | None = None) -> None:
        self._reals = reals

    def sound(self, recipe: Recipe, source: Clip | None) -> Clip:
        if self._reals is not None:
            real = self._reals[recipe.prompt]
            return Clip(real.samples * np.float32(0.2), real.rate)
        time = np.arange(round(recipe.seconds * 44_100)) / 44_100
        wave = (0.05 * np.sin(2 * np.pi * 400 * time)).astype(np.float32)
        return Clip(np.stack([wave, wave], axis=1), 44_100)


def drawn(generator: Copies, pairs: int = PAIRS, seed: int = 1) -> BlindTest:
    method = parse_method("fake@3", Path)
    return make_blind_test(method, pairs, lambda folder, device: generator, "cpu", Random(seed))


def is_tone(clip: Clip) -> bool:
    spectrum = np.abs(np.fft.rfft(clip.samples[:, 0]))
    near = round(400 * clip.seconds)
    return bool(np.square(spectrum[near - 3 : near + 4]).sum() > 0.9 * np.square(spectrum).sum())


def test_the_key_names_the_real_one_of_each_pair_and_both_sides_occur() -> None:
    test = drawn(Copies())
    head, *lines = test.key
    assert "fake, 3 steps" in head and len(lines) == PAIRS
    sides = [line.split()[1] for line in lines]
    assert set(sides) == {"A", "B"}
    for row, side in zip(test.chapter.rows, sides, strict=True):
        tones = {tile.label: is_tone(tile.clip) for tile in row.tiles}
        assert tones == {"A": side != "A", "B": side != "B"}


def test_pairs_are_of_different_kinds_and_another_draw_is_another_test() -> None:
    first, again, other = (drawn(Copies(), seed=seed).key for seed in (1, 1, 2))
    assert first == again != other
    assert len({line.split(" (")[1].split(",")[0] for line in first[1:]}) == PAIRS


def test_level_and_length_tell_nothing() -> None:
    reals = {
        example.prompt: example.real
        for kind in kinds_to_measure()
        for example in render_held_out_of_kind(kind, 1, of_combinations=has_held_combinations(kind))
    }
    for row in drawn(Copies(reals)).chapter.rows:
        first, second = (tile.clip.samples for tile in row.tiles)
        assert np.allclose(first, second, atol=1e-3)


def test_the_page_holds_no_answer(tmp_path: Path) -> None:
    test = drawn(Copies(), 2)
    page = write_blind_test(test, ABOUT, tmp_path / "new")
    assert (tmp_path / "new" / "key.txt").read_text() == "\n".join(test.key) + "\n"
    text = page.read_text(encoding="utf-8")
    assert all(line not in text for line in test.key)
    assert '<figure class="real"' not in text and "apply_colour_map" not in text
    assert "1. " + test.chapter.rows[0].prompt.partition(" ")[2] in text


def test_more_pairs_than_kinds_are_refused() -> None:
    for pairs in (0, 1000):
        with pytest.raises(EngineError, match=f"one a kind of sound, got {pairs}"):
            drawn(Copies(), pairs)
