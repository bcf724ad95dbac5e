"""Generate: from the prompt panel to a take on a pad. Main thread only."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, assert_never

from app.actions.pads.pad_trigger import PadTrigger
from app.actions.recording.take_store import TakeStore
from app.actions.setup.engine_status import EngineStatus
from app.model.kit import Pad
from app.model.session import Session
from app.model.takes import Take, new_take_id
from engine.api import (
    LONGEST_S,
    SHORTEST_S,
    Cancelled,
    Failed,
    Finished,
    Preview,
    Progress,
    Ready,
    Recipe,
    Restarted,
    SoundAnswer,
)
from engine.clip import Clip
from engine.errors import PlayerError
from engine.prompts.tokens import find_tempo

log = logging.getLogger(__name__)


class Engine(Protocol):
    """What generating needs of engine.process.client.EngineThread."""

    def generate(
        self, recipe: Recipe, source: Clip | None = None, *, slot: str | None = None
    ) -> int:
        """Ask for a clip; returns the job number at once."""
        ...

    def cancel(self, job: int) -> None:
        """Drop a job."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """A recording that a generation starts from, and where it is known from."""

    clip: Clip
    name: str
    """A take's id or a file's path; goes into the recipe."""


@dataclass(frozen=True, slots=True)
class _Job:
    pad: Pad
    kit_number: int
    plays_when_ready: bool
    """It is made of what was just hummed, played or dropped on Record: its player waits for it."""


class Generate:
    """Requests to the engine, and what becomes of its answers."""

    def __init__(
        self,
        session: Session,
        engine: Engine,
        take_store: TakeStore,
        pad_trigger: PadTrigger,
        status: EngineStatus,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._engine = engine
        self._take_store = take_store
        self._pad_trigger = pad_trigger
        self._status = status
        self._now = now
        self._jobs: dict[int, _Job] = {}
        self._newest: dict[int, int] = {}
        self._used_prompt = session.prompt
        """The panel's prompt when the panel was last used; another one was typed since."""

    # --- requests ---

    def generate(self, pad_index: int | None = None, source: Source | None = None) -> bool:
        """Make what the prompt panel says, for a pad (None: the selected one).

        A newer request for the same pad replaces the older. What comes of a `source`, which was
        just recorded or dropped, is heard at once. False when it cannot be: a notice says why
        (empty prompt, nonsense numbers, a locked pad).
        """
        pad = self._pad(pad_index)
        plays_when_ready = source is not None
        return self._request_from_panel(
            pad, lambda: self._recipe_from_panel(source), source, plays_when_ready=plays_when_ready
        )

    def again(self, pad_index: int | None = None) -> bool:
        """Make the pad's current take again with another seed (nothing made yet: `generate`)."""
        pad = self._pad(pad_index)
        take = pad.takes.current
        if take is None or take.recipe is None:
            return self.generate(pad.index)
        source = None
        if take.recipe.source is not None:
            origin = self._session.kit.find_take(take.recipe.source)
            if origin is None:
                self._session.notify(
                    "The recording this sound was made from is no longer in the kit; "
                    "use Vary to start from the sound itself.",
                    "warning",
                )
                return False
            source = Source(origin.clip.cut(LONGEST_S), origin.id)
        # The model in use makes it, whichever made it before.
        recipe = replace(take.recipe, seed=None, model=self._session.engine.model)
        return self._request(pad, recipe, source)

    def vary(self, pad_index: int | None = None) -> bool:
        """Make the pad's own sound anew, starting from it at the panel's strength.

        A prompt typed since the panel was last used says what it becomes; else the sound keeps
        its own, so that varying one pad after another does not turn them all into the same.
        """
        pad = self._pad(pad_index)
        take = pad.takes.current
        if take is None:
            self._session.notify("There is no sound on this pad to vary yet.", "warning")
            return False
        source = Source(take.clip.cut(LONGEST_S), take.id)
        return self._request_from_panel(pad, lambda: self._varied_recipe(take, source), source)

    def cancel(self, pad_index: int | None = None) -> None:
        """Drop what is being made for a pad; its sound stays."""
        job = self._newest.get(self._pad(pad_index).index)
        if job is not None:
            self._engine.cancel(job)

    # --- answers ---

    def on_answer(self, answer: SoundAnswer) -> None:
        """Take in what the engine says; unknown jobs are logged and let go."""
        match answer:
            case Ready():
                self._status.show_ready(answer)
            case Progress():
                self._on_progress(answer)
            case Preview():
                self._on_preview(answer)
            case Finished():
                self._on_finished(answer)
            case Failed():
                self._on_failed(answer)
            case Cancelled():
                self._on_cancelled(answer)
            case Restarted():
                self._on_restarted(answer)
            case _ if not isinstance(answer, SoundAnswer):
                log.warning("Ignored an unknown answer from the engine: %r", answer)
            case _:
                assert_never(answer)

    def _on_progress(self, progress: Progress) -> None:
        job = self._job(progress.job, "progress")
        if job is not None and self._is_newest(progress.job, job):
            share = progress.step / progress.steps if progress.steps > 0 else 0.0
            job.pad.show("generating", progress=min(max(share, 0.0), 1.0))

    def _on_preview(self, preview: Preview) -> None:
        """An empty pad sounds as soon as it can; another one keeps its sound until all is there."""
        job = self._job(preview.job, "beginning")
        if job is not None and self._is_newest(preview.job, job) and job.pad.loaded is None:
            self._take_store.load_preview(job.pad, preview.clip)

    def _on_finished(self, finished: Finished) -> None:
        if finished.notice:
            self._session.notify(finished.notice, "warning")
        job = self._job(finished.job, "clip")
        whole_ms = finished.timing.whole_ms
        self._status.show_time(whole_ms)
        take = Take(
            id=new_take_id(),
            clip=finished.clip,
            kind="generated",
            recipe=finished.recipe,
            created=self._now(),
            whole_ms=whole_ms,
            name=finished.recipe.prompt,
        )
        if job is None or job.kit_number != self._session.kit.times_opened:
            self._take_store.save_without_pad(take)
            self._forget(finished.job)
            return
        newest = self._is_newest(finished.job, job)
        self._forget(finished.job)
        if newest:
            job.pad.settle()
        self._take_store.add(job.pad, take, then=lambda: self._answer(job) if newest else None)

    def _answer(self, job: _Job) -> None:
        """Play what was made of a recording, as the one who hummed waits to hear it."""
        session = self._session
        # A loop would not end by itself, and a new recording would record the old one's sound.
        ends = not job.pad.parameters.loops
        if job.plays_when_ready and session.hear_recordings and ends and not session.recording:
            self._pad_trigger.hit(job.pad.index)

    def _on_failed(self, failed: Failed) -> None:
        if failed.job is None:
            self._status.show_failure(failed.message)
            self._session.notify(failed.message, "error")
            return
        job = self._job(failed.job, "failure")
        if job is None:
            return
        if self._is_newest(failed.job, job):
            self._take_store.drop_preview(job.pad)
            job.pad.show("failed", message=failed.message)
            self._session.notify(f"Pad {job.pad.index + 1}: {failed.message}", "error")
        self._forget(failed.job)

    def _on_cancelled(self, cancelled: Cancelled) -> None:
        job = self._job(cancelled.job, "cancellation")
        if job is None:
            return
        if self._is_newest(cancelled.job, job):
            self._take_store.drop_preview(job.pad)
            job.pad.settle()
        self._forget(cancelled.job)

    def _on_restarted(self, restarted: Restarted) -> None:
        self._status.show_pause("The engine is starting again.")
        self._session.notify(restarted.message, "warning")

    # --- how ---

    def forget_requests(self) -> None:
        """Another kit is on the pads: what is still being made is kept on disk, not on a pad."""
        for pad in self._session.kit.pads:
            self._newest.pop(pad.index, None)

    def _pad(self, index: int | None) -> Pad:
        return self._session.kit.pads[self._session.selected if index is None else index]

    def _recipe_from_panel(self, source: Source | None) -> Recipe:
        prompt = self._session.prompt.strip()
        if self._session.length_unit == "bars" and prompt and find_tempo(prompt) is None:
            # The model has learnt tempi as words of the prompt, not as a number beside it.
            prompt = f"{prompt}, {self._session.bpm:g} bpm"
        return self._recipe(prompt, source)

    def _varied_recipe(self, take: Take, source: Source) -> Recipe:
        typed = self._session.prompt
        if take.recipe is None or (typed.strip() and typed != self._used_prompt):
            return self._recipe_from_panel(source)
        return self._recipe(take.recipe.prompt, source)

    def _recipe(self, prompt: str, source: Source | None) -> Recipe:
        session = self._session
        seconds = session.length_s() if source is None else max(source.clip.seconds, SHORTEST_S)
        return Recipe(
            prompt=prompt,
            seconds=seconds,
            steps=session.steps,
            seed=session.seed,
            strength=None if source is None else session.strength,
            source=None if source is None else source.name,
            model=session.engine.model,
        )

    def _request_from_panel(
        self,
        pad: Pad,
        make_recipe: Callable[[], Recipe],
        source: Source | None,
        *,
        plays_when_ready: bool = False,
    ) -> bool:
        try:
            recipe = make_recipe()
        except PlayerError as error:
            self._session.notify(str(error), "warning")
            return False
        is_requested = self._request(pad, recipe, source, plays_when_ready=plays_when_ready)
        if is_requested:
            self._used_prompt = self._session.prompt
        return is_requested

    def _request(
        self, pad: Pad, recipe: Recipe, source: Source | None, *, plays_when_ready: bool = False
    ) -> bool:
        if self._session.refuse_locked(pad):
            return False
        job = self._engine.generate(
            recipe, None if source is None else source.clip, slot=f"pad {pad.index}"
        )
        self._jobs[job] = _Job(pad, self._session.kit.times_opened, plays_when_ready)
        self._newest[pad.index] = job
        pad.show("pending")
        return True

    def _job(self, number: int, what: str) -> _Job | None:
        job = self._jobs.get(number)
        if job is None:
            log.warning("The engine sent a %s for unknown job %d", what, number)
        return job

    def _is_newest(self, number: int, job: _Job) -> bool:
        return self._newest.get(job.pad.index) == number

    def _forget(self, number: int) -> None:
        job = self._jobs.pop(number, None)
        if job is not None and self._is_newest(number, job):
            del self._newest[job.pad.index]
