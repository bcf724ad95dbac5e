"""Which recipes are made together, and noise for each of them. Engine process."""

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


def seeded(recipe: Recipe) -> Recipe:
    """The recipe with a seed."""
    return replace(recipe, seed=draw_seed() if recipe.seed is None else recipe.seed)


def alike(recipes: list[Recipe]) -> Iterator[list[Recipe]]:
    """Neighbours that differ in nothing but prompt and seed, at most MOST_AT_ONCE at a time."""
    for _, group in groupby(recipes, lambda recipe: replace(recipe, prompt="-", seed=0)):
        same = list(group)
        yield from (same[i : i + MOST_AT_ONCE] for i in range(0, len(same), MOST_AT_ONCE))


def drawn(shape: tuple[int, int, int], randoms: list[torch.Generator]) -> Tensor:
    """Noise of that shape from each generator, beside each other."""
    return torch.cat([torch.randn(shape, generator=random) for random in randoms])
