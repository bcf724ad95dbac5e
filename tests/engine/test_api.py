"""Recipes refuse nonsense by name, value and range."""

from __future__ import annotations

import pytest

from engine.api import LONGEST_PROMPT, MOST_SEED, Recipe, RecipeError


@pytest.mark.parametrize("prompt", ["", "   ", "\n\t"])
def test_empty_prompt_is_refused(prompt: str) -> None:
    with pytest.raises(RecipeError, match="Type what the sound should be"):
        Recipe(prompt)


def test_prompt_of_ten_thousand_characters_is_refused_and_the_longest_is_not() -> None:
    with pytest.raises(RecipeError, match="at most 1000 characters, got 10000"):
        Recipe("x" * 10_000)
    Recipe("x" * LONGEST_PROMPT)


def test_emoji_and_unknown_words_are_prompts() -> None:
    assert Recipe("🥁🔥 zorgle").prompt == "🥁🔥 zorgle"


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf"), 1e9])
def test_seconds_out_of_range_are_refused(seconds: float) -> None:
    with pytest.raises(RecipeError, match=r"Seconds must be 0\.05\.\.12, got"):
        Recipe("kick", seconds=seconds)


@pytest.mark.parametrize("steps", [0, -1, 101])
def test_steps_out_of_range_are_refused(steps: int) -> None:
    with pytest.raises(RecipeError, match=rf"Steps must be 1\.\.100, got {steps}"):
        Recipe("kick", steps=steps)


@pytest.mark.parametrize("strength", [0.0, -0.1, 1.01, float("nan")])
def test_strength_out_of_range_is_refused(strength: float) -> None:
    with pytest.raises(RecipeError, match=r"Strength must be 0\.01\.\.1, got"):
        Recipe("kick", strength=strength)


@pytest.mark.parametrize("seed", [-1, MOST_SEED + 1])
def test_seed_out_of_range_is_refused(seed: int) -> None:
    with pytest.raises(RecipeError, match=f"The seed must be .*, got {seed}"):
        Recipe("kick", seed=seed)


def test_limits_themselves_are_allowed() -> None:
    Recipe("kick", seconds=0.05, steps=1, seed=0, strength=0.01)
    Recipe("kick", seconds=12.0, steps=100, seed=MOST_SEED, strength=1.0)


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (None, 0.5),
        (0.5, None),
        (0.5, 0.5),
        (0.6, 0.5),
        (-0.1, 0.5),
        (0.0, 1.1),
        (float("nan"), 1.0),
    ],
)
def test_a_part_to_make_anew_outside_of_the_sound_is_refused(
    begin: float | None, end: float | None
) -> None:
    with pytest.raises(RecipeError, match=r"must lie within 0\.\.1 s"):
        Recipe("kick", 1.0, remake_from=begin, remake_to=end)
