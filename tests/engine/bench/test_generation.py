"""Sounds made together beside the same made alone."""

from __future__ import annotations

from engine.api import Recipe
from engine.bench.generation import measure
from engine.generation.generator import Generator
from tests.fakes.engine.tiny_model import CARD, tiny_model

RECIPE = Recipe("deep kick", seconds=0.1, steps=2)


def test_as_many_as_asked_are_made_together_and_are_the_same_sounds() -> None:
    report = measure(lambda: Generator(tiny_model(), CARD, "cpu", "float32"), RECIPE, 1, 3)
    together = report.together
    assert together is not None and together.count == 3
    assert together.agreement_db > 60
    assert together.ratio > 0 and together.each_ms.median > 0


def test_one_sound_is_not_measured_together() -> None:
    report = measure(lambda: Generator(tiny_model(), CARD, "cpu", "float32"), RECIPE, 1)
    assert report.together is None
