"""Generate: requests sounds from the engine and puts the results on pads. Main thread only."""

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
    """The part of engine.process.client.EngineThread that Generate needs."""

    def generate(
        self, recipe: Recipe, source: Clip | None = None, *, slot: str | None = None
    ) -> int:
        """Request a clip; returns the job number at once."""
        ...

    def cancel(self, job: int) -> None:
        """Cancel a job."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """A recording that a generation starts from, and its origin."""

    clip: Clip
    name: str
    """A take's id or a file's path; goes into the recipe."""


@dataclass(frozen=True, slots=True)
class _Job:
    pad: Pad
    kit_number: int
    plays_when_ready: bool
    """Whether to play the result: its source was just recorded, or dropped on Record."""


class Generate:
    """Sends requests to the engine and handles its answers."""

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
        """The panel's prompt at the last request; a different one has been typed since."""

    # --- requests ---

    def generate(self, pad_index: int | None = None, source: Source | None = None) -> bool:
        """Request a sound by the prompt panel, for a pad (None: the selected one).

        A newer request for the same pad replaces the older. With a `source`, which was just
        recorded or dropped, the result is played when it is ready. Return False, with a notice,
        when the request is invalid (empty prompt, numbers out of range, a locked pad).
        """
        pad = self._pad(pad_index)
        plays_when_ready = source is not None
        return self._request_from_panel(
            pad, lambda: self._recipe_from_panel(source), source, plays_when_ready=plays_when_ready
        )

    def again(self, pad_index: int | None = None) -> bool:
        """Repeat the current take's recipe with another seed; without a recipe, `generate`."""
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
        # The model in use makes it, whichever model made the take.
        recipe = replace(take.recipe, seed=None, model=self._session.engine.model)
        return self._request(pad, recipe, source)

    def vary(self, pad_index: int | None = None) -> bool:
        """Request a variation of the pad's sound, with that as the source, at the panel's strength.

        It uses the prompt of the panel if that was edited since the last request, else the take's
        own, so that varying one pad after another does not give them all the same prompt.
        """
        pad = self._pad(pad_index)
        take = pad.takes.current
        if take is None:
            self._session.notify("There is no sound on this pad to vary yet.", "warning")
            return False
        source = Source(take.clip.cut(LONGEST_S), take.id)
        return self._request_from_panel(pad, lambda: self._vary_recipe(take, source), source)

    def cancel(self, pad_index: int | None = None) -> None:
        """Cancel the newest request for a pad; its sound stays."""
        job = self._newest.get(self._pad(pad_index).index)
        if job is not None:
            self._engine.cancel(job)

    # --- answers ---

    def on_answer(self, answer: SoundAnswer) -> None:
        """Handle an answer of the engine; answers to unknown jobs are logged and ignored."""
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
        """Load a preview onto an empty pad; any other keeps its sound until the clip is there."""
        job = self._job(preview.job, "preview")
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
            self._take_store.save_orphan(take)
            self._forget(finished.job)
            return
        newest = self._is_newest(finished.job, job)
        self._forget(finished.job)
        if newest:
            job.pad.settle()
        self._take_store.add(job.pad, take, then=lambda: self._audition(job) if newest else None)

    def _audition(self, job: _Job) -> None:
        """Play a sound that was made from a new recording, if the player wants to hear it."""
        session = self._session
        # A loop would not end by itself, and a recording in progress would record this sound.
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
        """Detach pending requests from the pads, when a kit is opened: results only go to disk."""
        for pad in self._session.kit.pads:
            self._newest.pop(pad.index, None)

    def _pad(self, index: int | None) -> Pad:
        return self._session.kit.pads[self._session.selected if index is None else index]

    def _recipe_from_panel(self, source: Source | None) -> Recipe:
        prompt = self._session.prompt.strip()
        if self._session.length_unit == "bars" and prompt and find_tempo(prompt) is None:
            # The model takes the tempo as words of the prompt, not as a separate number.
            prompt = f"{prompt}, {self._session.bpm:g} bpm"
        return self._make_recipe(prompt, source)

    def _vary_recipe(self, take: Take, source: Source) -> Recipe:
        typed = self._session.prompt
        if take.recipe is None or (typed.strip() and typed != self._used_prompt):
            return self._recipe_from_panel(source)
        return self._make_recipe(take.recipe.prompt, source)

    def _make_recipe(self, prompt: str, source: Source | None) -> Recipe:
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
