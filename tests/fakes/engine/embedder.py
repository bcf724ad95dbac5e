"""An embedder without a network, and a model that plays the real sounds of its prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from engine.api import Recipe
from engine.clip import Clip
from engine.evaluation.references.examples import Example
from engine.prompts.tokens import split_words
from engine.sound.mel import mel_frames
from tests.fakes.engine.generator import SoundOfRecipe

DIMS = 16


class FakeEmbedder:
    """Sounds by their mean spectrum, texts by their words; the two agree by chance alone."""

    name = "fake"
    scale = 10.0

    def audio(self, sounds: Tensor) -> Tensor:
        frames = mel_frames(sounds)
        return torch.stack([part.mean((1, 2)) for part in frames.chunk(DIMS, dim=2)], dim=1)

    def text(self, prompts: Sequence[str]) -> Tensor:
        rows = torch.zeros(len(prompts), DIMS)
        for row, prompt in zip(rows, prompts, strict=True):
            for word in split_words(prompt):
                row[sum(map(ord, word.text)) % DIMS] += 1
        return rows


class RealMaker(SoundOfRecipe):
    """Answers each prompt with its real sound, at a level that the seed gives."""

    def __init__(self, examples: Sequence[Example], device: str = "cpu") -> None:
        self.device = device
        self.recipes: list[Recipe] = []
        self._sounds = {example.prompt: example.real for example in examples}

    def sound(self, recipe: Recipe, source: Clip | None) -> Clip:
        assert source is None
        self.recipes.append(recipe)
        real = self._sounds[recipe.prompt]
        return Clip(real.samples * (0.5 + 0.1 * ((recipe.seed or 0) % 5)), real.rate)


def loads(maker: RealMaker) -> Callable[[Path, str], RealMaker]:
    """A loader that always gives `maker`."""
    return lambda folder, device: maker
