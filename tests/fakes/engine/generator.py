"""A generator without torch for the engine process: the prompt says how it behaves.

"until FILE"  takes steps until FILE exists; can be cancelled between them
"refuse"      raises an error for the player
"crash"       raises a bug
"die"         ends the process as a segmentation fault would
"nan"         makes a clip that is none
"noise"       prints to standard output, as libraries do
"begin"       shows a first quarter before the whole
"crowd"       goes to another device, and says so
others        a ramp whose first sample is the seed, or the source at half level
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.api import EngineError, GenerationCancelled, InsufficientMemoryError, Recipe, Timing
from engine.clip import Clip
from engine.library.card import ModelCard, Trained

CARD = ModelCard(
    name="fake",
    summary="A ramp",
    licence="MIT",
    sample_rate=44_100,
    longest_s=12.0,
    default_steps=8,
    vocabulary=("kick",),
    trained=Trained("nothing"),
)
_DRAWN_SEED = 42


@dataclass(frozen=True, slots=True)
class Generated:
    recipe: Recipe
    clip: Clip
    timing: Timing
    notice: str = ""


class SoundOfRecipe(ABC):
    """A generator of which a test says only what a recipe sounds like."""

    card = CARD
    device = "cpu"
    precision = "none"

    @abstractmethod
    def sound(self, recipe: Recipe, source: Clip | None) -> Clip: ...

    def generate(
        self,
        recipe: Recipe,
        source: Clip | None,
        on_step: Callable[[int, int], bool],
        on_preview: Callable[[Clip], None] | None = None,
    ) -> Generated:
        assert on_step(recipe.steps, recipe.steps)
        clip = self.sound(recipe, source)
        return Generated(recipe, clip, Timing(0.0, 0.0, 0.0, 0.0, 1e3 * clip.seconds / 4))

    def generate_all(
        self,
        recipes: Sequence[Recipe],
        source: Clip | None,
        on_step: Callable[[int, int], bool],
    ) -> Iterator[Generated]:
        return (self.generate(recipe, source, on_step) for recipe in recipes)


class FakeGenerator:
    def __init__(self, device: str, name: str = CARD.name, *, moves: bool = False) -> None:
        self.card = replace(CARD, name=name)
        self._moves = moves
        self.device = device
        self.precision = f"threads {os.environ['OMP_NUM_THREADS']}"

    def generate(
        self,
        recipe: Recipe,
        source: Clip | None,
        on_step: Callable[[int, int], bool],
        on_preview: Callable[[Clip], None] | None = None,
    ) -> Generated:
        word, _, rest = recipe.prompt.partition(" ")
        if not on_step(0, recipe.steps):
            raise GenerationCancelled
        if word == "until":
            _step_until(Path(rest), on_step, recipe.steps)
        elif word in _BEHAVIOURS:
            _BEHAVIOURS[word]()
        else:
            for step in range(1, recipe.steps + 1):
                if not on_step(step, recipe.steps):
                    raise GenerationCancelled
        seed = _DRAWN_SEED if recipe.seed is None else recipe.seed
        made = _ramp(recipe.seconds, seed) if source is None else _halved(source)
        notice = ""
        if word == "begin" and on_preview is not None:
            on_preview(Clip(made.samples[: made.frames // 4].copy(), made.rate))
        if word == "crowd" or self._moves:
            self.device, notice = "another", "Memory is short."
        timing = Timing(1.0, 0.0, 8.0, 2.0, 11.0)
        return Generated(replace(recipe, seed=seed), made, timing, notice)

    def generate_all(
        self,
        recipes: Sequence[Recipe],
        source: Clip | None,
        on_step: Callable[[int, int], bool],
    ) -> Iterator[Generated]:
        return (self.generate(recipe, source, on_step) for recipe in recipes)


def load_generator(folder: Path, device: str = "auto", *, beside: bool = False) -> FakeGenerator:
    """Load, unless the folder holds a file "broken", "buggy", "deadly" or, beside, "cramped".

    With a file "slow" it waits for a file "go" first. With a file "full" it leaves its device
    with the first sound, beside another one.
    """
    while (folder / "slow").exists() and not (folder / "go").exists():
        threading.Event().wait(0.005)
    if beside and (folder / "cramped").exists():
        raise InsufficientMemoryError("There is too little memory.")
    if (folder / "broken").exists():
        raise EngineError("The model is broken: copy it again.")
    if (folder / "buggy").exists():
        raise ZeroDivisionError("oh")
    if (folder / "deadly").exists():
        os.kill(os.getpid(), signal.SIGTERM)
    return FakeGenerator(device, folder.name, moves=beside and (folder / "full").exists())


def _step_until(path: Path, on_step: Callable[[int, int], bool], steps: int) -> None:
    pause = threading.Event()
    while not path.exists():
        if not on_step(1, steps):
            raise GenerationCancelled
        pause.wait(0.005)


def _refuse() -> None:
    raise EngineError("The source is too short: record a longer one.")


def _crash() -> None:
    raise ValueError("a bug")


def _die() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _nan() -> None:
    Clip(np.full((4, 2), np.nan, np.float32), 44_100)


def _print() -> None:
    sys.stdout.write("a library says something\n")
    os.write(1, b"so does a C library\n")


_BEHAVIOURS = {"refuse": _refuse, "crash": _crash, "die": _die, "nan": _nan, "noise": _print}


def _ramp(seconds: float, seed: int) -> Clip:
    frames = round(seconds * CARD.sample_rate)
    samples = np.linspace(seed, 0.0, 2 * frames, dtype=np.float32).reshape(frames, 2)
    return Clip(samples, CARD.sample_rate)


def _halved(source: Clip) -> Clip:
    return Clip(source.samples * np.float32(0.5), source.rate)
