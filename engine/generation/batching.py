"""Which recipes are made in one batch, and noise for each of them. Needs torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

import torch
from torch import Tensor

from engine.api import Recipe
from engine.hardware.device import draw_seed

MOST_AT_ONCE = 16
"""A kit."""


def with_seed(recipe: Recipe) -> Recipe:
    """Return the recipe with a seed, a drawn one where it has none."""
    return replace(recipe, seed=draw_seed() if recipe.seed is None else recipe.seed)


def group_batchable(recipes: list[Recipe]) -> Iterator[list[Recipe]]:
    """Yield neighbours that differ in nothing but prompt and seed, at most MOST_AT_ONCE."""
    for _, group in groupby(recipes, lambda recipe: replace(recipe, prompt="-", seed=0)):
        batch = list(group)
        yield from (batch[i : i + MOST_AT_ONCE] for i in range(0, len(batch), MOST_AT_ONCE))


def draw_noise(shape: tuple[int, int, int], randoms: list[torch.Generator]) -> Tensor:
    """Draw noise of that shape from each generator, along the batch."""
    return torch.cat([torch.randn(shape, generator=random) for random in randoms])
