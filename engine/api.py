"""The messages between app and engine: recipes, requests, answers, errors. No torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from engine.clip import Clip
from engine.errors import PlayerError

LONGEST_S = 12.0
SHORTEST_S = 0.05
LONGEST_PROMPT = 1_000
MOST_STEPS = 100
MOST_SEED = 2**63 - 1
LEAST_STRENGTH, MOST_STRENGTH = 0.01, 1.0
EMBEDDED = "embedded"
"""The name of the model that ships in assets/."""


class EngineError(PlayerError):
    """The engine cannot do something; the text says what to do next."""


class RecipeError(EngineError):
    """A recipe that cannot be made: the text names the value and its range."""


class InsufficientMemoryError(EngineError):
    """Too little memory for a model or a sound; with other models unloaded it may suffice."""


class GenerationCancelled(Exception):  # noqa: N818 -- what a player asked for, not an error
    """Raised by a generation whose `on_step` returned False; no error for the player."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a clip is made. The same recipe gives the same samples on the same machine.

    `strength` is the time t the sampler starts from when there is a source recording
    (0 keeps it, 1 ignores it); None where there is no source. `source` says where the source came
    from (a take's id or a file's path); the samples themselves travel beside the recipe.
    A `seed` of None is drawn by the engine, which returns the recipe with the seed it drew.
    `remake_from` to `remake_to`, in seconds, is the part of a source that is inpainted, for
    models that can; None where no part is. `avoid` is the negative prompt, for models with
    guidance.
    """

    prompt: str
    seconds: float = 1.0
    steps: int = 8
    seed: int | None = None
    strength: float | None = None
    source: str | None = None
    model: str = EMBEDDED
    remake_from: float | None = None
    remake_to: float | None = None
    avoid: str = ""

    def __post_init__(self) -> None:
        """Refuse bad values by name, value and range."""
        if not self.prompt.strip():
            raise RecipeError("Type what the sound should be: the prompt is empty.")
        for name, text in (("The prompt", self.prompt), ("What to avoid", self.avoid)):
            if len(text) > LONGEST_PROMPT:
                raise RecipeError(
                    f"{name} must be at most {LONGEST_PROMPT} characters, got {len(text)}."
                )
        if not (math.isfinite(self.seconds) and SHORTEST_S <= self.seconds <= LONGEST_S):
            raise RecipeError(f"Seconds must be {SHORTEST_S}..{LONGEST_S:g}, got {self.seconds}.")
        if not 1 <= self.steps <= MOST_STEPS:
            raise RecipeError(f"Steps must be 1..{MOST_STEPS}, got {self.steps}.")
        if self.seed is not None and not 0 <= self.seed <= MOST_SEED:
            raise RecipeError(f"The seed must be 0..{MOST_SEED}, got {self.seed}.")
        if self.strength is not None and not LEAST_STRENGTH <= self.strength <= MOST_STRENGTH:
            raise RecipeError(
                f"Strength must be {LEAST_STRENGTH}..{MOST_STRENGTH:g}, got {self.strength}."
            )
        self._check_part()

    def _check_part(self) -> None:
        begin, end = self.remake_from, self.remake_to
        if begin is None and end is None:
            return
        if begin is None or end is None or not 0 <= begin < end <= self.seconds:
            raise RecipeError(
                f"The part to make anew must lie within 0..{self.seconds:g} s, got {begin}..{end}."
            )


# --- requests: app to engine ---


@dataclass(frozen=True, slots=True)
class Generate:
    """Make the clip of a recipe. A newer request for the same `slot` replaces an older one."""

    job: int
    recipe: Recipe
    source: Clip | None = None
    slot: str | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Drop a job: before it starts, or between two of its steps."""

    job: int


@dataclass(frozen=True, slots=True)
class Stop:
    """End the engine process after the present job is cancelled."""


Request = Generate | Cancel | Stop


# --- answers: engine to app ---


@dataclass(frozen=True, slots=True)
class Timing:
    """Measured milliseconds of one generation."""

    text_ms: float
    encode_ms: float
    steps_ms: float
    decode_ms: float
    whole_ms: float


@dataclass(frozen=True, slots=True)
class Ready:
    """The engine holds a model and waits for requests."""

    model: str
    device: str
    precision: str
    load_s: float


@dataclass(frozen=True, slots=True)
class Progress:
    """A job has done `step` of `steps`; step 0 says that it has started."""

    job: int
    step: int
    steps: int


@dataclass(frozen=True, slots=True)
class Preview:
    """The beginning of a long clip, faded out, while the rest is still being decoded."""

    job: int
    clip: Clip


@dataclass(frozen=True, slots=True)
class Finished:
    """A job's clip, with the recipe that makes it again (its seed is set).

    `notice` tells the player what could not be done as usual; "" when all could.
    """

    job: int
    recipe: Recipe
    clip: Clip
    timing: Timing
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """A job that could not be made (or, with job None, an engine that cannot work) and why."""

    job: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A job that was cancelled or replaced by a newer one."""

    job: int


@dataclass(frozen=True, slots=True)
class Restarted:
    """The engine process had died and was started again; its jobs were Failed."""

    message: str


SoundAnswer = Ready | Progress | Preview | Finished | Failed | Cancelled | Restarted


@dataclass(frozen=True, slots=True)
class ModelUnloaded:
    """The model in use was unloaded for memory: no sounds until the other one is ready."""

    model_folder: Path


@dataclass(frozen=True, slots=True)
class Switched:
    """The other model is ready and makes all sounds from now on."""

    model_folder: Path


@dataclass(frozen=True, slots=True)
class SwitchFailed:
    """The other model could not be loaded, and why; the one in use stays."""

    model_folder: Path
    message: str


SwitchAnswer = ModelUnloaded | Switched | SwitchFailed
Answer = SoundAnswer | SwitchAnswer
