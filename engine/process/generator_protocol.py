"""The type of a generator, for code that must not load torch to name it. No torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from engine.api import Recipe, Timing
from engine.clip import Clip
from engine.library.card import ModelCard


class Generated(Protocol):
    """The result of a generator."""

    @property
    def recipe(self) -> Recipe:
        """The recipe with its seed set."""

    @property
    def clip(self) -> Clip:
        """The sound."""

    @property
    def timing(self) -> Timing:
        """How long its stages took."""

    @property
    def notice(self) -> str:
        """What could not be done as usual, in words for the player; "" if nothing."""


class Generator(Protocol):
    """A loaded model; `on_step(step, steps)` from step 0 on returns False to stop there."""

    @property
    def card(self) -> ModelCard:
        """The model's card."""

    @property
    def device(self) -> str:
        """The device's name, as the player reads it."""

    @property
    def precision(self) -> str:
        """The precision the networks run in."""

    def generate(
        self,
        recipe: Recipe,
        source: Clip | None,
        on_step: Callable[[int, int], bool],
        on_preview: Callable[[Clip], None] | None = None,
    ) -> Generated:
        """Make the clip of a recipe; raises EngineError, ClipError or GenerationCancelled.

        `on_preview` may get the clip's beginning while the rest is still decoded.
        """

    def generate_all(
        self,
        recipes: Sequence[Recipe],
        source: Clip | None,
        on_step: Callable[[int, int], bool],
    ) -> Iterator[Generated]:
        """Make the clips of recipes, in order, like ones in batches; raises as `generate`."""
