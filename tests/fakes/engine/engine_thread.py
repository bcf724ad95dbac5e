"""A double of EngineThread that keeps its promises and demands them of others.

Answers come on another thread; every job gets exactly one of Finished, Failed and Cancelled; a
newer job for a slot replaces the older; nothing comes after stop.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.api import (
    Answer,
    Cancelled,
    Failed,
    Finished,
    ModelUnloaded,
    Preview,
    Progress,
    Ready,
    Recipe,
    Restarted,
    Switched,
    SwitchFailed,
    Timing,
)
from engine.clip import Clip

TIMING = Timing(text_ms=1.0, encode_ms=0.0, steps_ms=80.0, decode_ms=19.0, whole_ms=100.0)


@dataclass(frozen=True, slots=True)
class PromptSpec:
    recipe: Recipe
    source: Clip | None
    slot: str | None


class FakeEngine:
    def __init__(self, on_answer: Callable[[Answer], None], model_folder: Path = Path()) -> None:
        self._on_answer = on_answer
        self.model_folder = model_folder
        self._numbers = itertools.count(1)
        self._started = self._stopped = False
        self.asked: dict[int, PromptSpec] = {}
        self.open: list[int] = []
        """Jobs without an end, oldest first."""
        self.used: list[Path] = []
        """Models that were chosen, oldest first."""
        self.loading: Path | None = None
        """The model that is to take over."""

    # --- what the app calls ---

    def start(self) -> None:
        assert not self._started, "started twice"
        self._started = True

    def generate(
        self, recipe: Recipe, source: Clip | None = None, *, slot: str | None = None
    ) -> int:
        assert self._started, "generate before start"
        assert not self._stopped, "generate after stop"
        assert (source is None) == (recipe.strength is None), "a source and its strength are one"
        job = next(self._numbers)
        older = [number for number in self.open if slot and self.asked[number].slot == slot]
        self.asked[job] = PromptSpec(recipe, source, slot)
        self.open.append(job)
        for number in older:
            self._end(number, Cancelled(number))
        return job

    def cancel(self, job: int) -> None:
        if job in self.open:
            self._end(job, Cancelled(job))

    def switch_model(self, model_folder: Path) -> None:
        assert self._started, "another model before start"
        self.used.append(model_folder)
        self.loading = model_folder

    def cancel_switch(self) -> None:
        assert self._started, "stay before start"
        self.loading = None

    def stop(self) -> None:
        assert self._started
        self._stopped = True

    # --- what the test does ---

    @property
    def newest(self) -> int:
        return max(self.asked)

    def ready(self) -> None:
        self.say(Ready("embedded", "CPU, 2 cores", "float32", 1.5))

    def switch(self) -> None:
        """The model that was chosen takes over."""
        assert self.loading is not None
        folder, self.loading = self.loading, None
        self.say(Switched(folder))
        self.say(Ready(folder.name, "CPU, 2 cores", "float32", 1.5))

    def make_room(self) -> None:
        """Let the model before go, since memory is short."""
        assert self.loading is not None
        self.say(ModelUnloaded(self.loading))

    def refuse(self, message: str) -> None:
        """The model that was chosen cannot be loaded."""
        assert self.loading is not None
        folder, self.loading = self.loading, None
        self.say(SwitchFailed(folder, message))

    def progress(self, job: int, step: int, steps: int = 8) -> None:
        assert job in self.open
        self.say(Progress(job, step, steps))

    def begin(self, job: int, clip: Clip) -> None:
        """Show the beginning of a job's clip."""
        assert job in self.open
        self.say(Preview(job, clip))

    def finish(self, job: int | None = None, clip: Clip | None = None) -> Clip:
        """Make a job's clip: a decaying tone, another one for every seed."""
        number = self.newest if job is None else job
        recipe = self.asked[number].recipe
        if recipe.seed is None:
            recipe = replace(recipe, seed=1000 + number)
        made = clip or tone(recipe.seconds, 100.0 + number)
        self._end(number, Finished(number, recipe, made, TIMING))
        return made

    def fail(self, job: int | None = None, message: str = "That went wrong.") -> None:
        number = self.newest if job is None else job
        self._end(number, Failed(number, message))

    def die(self) -> None:
        """The worker process is killed: its jobs fail, then it is started again."""
        for number in tuple(self.open):
            self._end(number, Failed(number, "The engine stopped while making this. Try again."))
        self.say(Restarted("The engine had stopped and was started again."))

    def say(self, answer: object) -> None:
        assert self._started and not self._stopped
        thread = threading.Thread(target=self._on_answer, args=(answer,), name="engine")
        thread.start()
        thread.join()

    def _end(self, job: int, answer: Answer) -> None:
        self.open.remove(job)
        self.say(answer)


def tone(seconds: float, hertz: float = 110.0, rate: int = 44_100) -> Clip:
    time_s = np.arange(max(1, int(seconds * rate))) / rate
    wave = 0.5 * np.sin(2 * np.pi * hertz * time_s) * np.exp(-3 * time_s)
    return Clip(np.repeat(wave[:, None], 2, axis=1).astype(np.float32), rate)
