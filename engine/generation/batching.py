"""Groups recipes into batches, and draws their noise. Needs torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

import torch
from torch import Tensor

from engine.api import Recipe
from engine.hardware.device import draw_seed

MOST_AT_ONCE = 16
"""The pads of a kit."""


def with_seed(recipe: Recipe) -> Recipe:
    """Return the recipe with a seed, a random one if it has none."""
    return replace(recipe, seed=draw_seed() if recipe.seed is None else recipe.seed)


def group_batchable(recipes: list[Recipe]) -> Iterator[list[Recipe]]:
    """Yield runs of recipes that differ only in prompt and seed, at most MOST_AT_ONCE each."""
    for _, group in groupby(recipes, lambda recipe: replace(recipe, prompt="-", seed=0)):
        batch = list(group)
        yield from (batch[i : i + MOST_AT_ONCE] for i in range(0, len(batch), MOST_AT_ONCE))


def draw_noise(shape: tuple[int, int, int], randoms: list[torch.Generator]) -> Tensor:
    """Draw noise of a shape from each generator, concatenated along the batch."""
    return torch.cat([torch.randn(shape, generator=random) for random in randoms])
