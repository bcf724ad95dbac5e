"""EngineThread: the app's thread that owns the engine processes. Light half: no torch.

One process makes the sounds. While another model is chosen, a second one loads it beside the
first; as soon as it is ready, new wishes go to it, and the first ends with its last answer. All
that happens comes through one queue, and only this thread decides what becomes of it.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from multiprocessing import resource_tracker
from pathlib import Path

from engine.api import (
    Answer,
    Cancel,
    Cancelled,
    Failed,
    Finished,
    Generate,
    MadeRoom,
    NotSwitched,
    Ready,
    Recipe,
    Restarted,
    Stop,
    Switched,
)
from engine.clip import Clip
from engine.process.engine_process import (
    GRACE_S,
    Ended,
    EngineProcess,
    ModelAt,
    Said,
    described,
    end_all,
)
from engine.process.worker import CANNOT_WORK, FACTORY, NO_ROOM

RESTART_WAITS_S = (0.0, 0.5, 2.0)
"""Waits before each new start of a process that dies without making a sound in between."""


@dataclass(frozen=True, slots=True)
class _Use:
    """Go on with another model; None: with the one that there is."""

    folder: Path | None


_Event = Said | Ended | Generate | Cancel | _Use | Stop


class EngineThread:
    """The engine process that makes sounds, the one that loads another model, and their thread.

    `on_answer` is called on this thread for every answer, and no more once `stop` has returned.
    Every job gets exactly one of Finished, Failed and Cancelled, from the process it was sent to.
    A process that dies is started again at once; one that dies again and again, or whose model
    cannot be loaded, is Failed(None, why), and the next `generate` tries once more.
    """

    def __init__(
        self,
        on_answer: Callable[[Answer], None],
        model_folder: Path,
        *,
        threads: int | None = None,
        factory: str = FACTORY,
        restart_waits_s: Sequence[float] = RESTART_WAITS_S,
    ) -> None:
        self._on_answer = on_answer
        self._threads, self._factory = threads, factory
        self._restart_waits_s = tuple(restart_waits_s)
        self._numbers = count(1)
        self._events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        # What follows belongs to the thread.
        self._folder = model_folder
        self._wanted: Path | None = None
        """The model that is to take over."""
        self._playing: EngineProcess | None = None
        self._loading: EngineProcess | None = None
        self._leaving: list[EngineProcess] = []
        """Processes that end with their last answer."""
        self._waiting: list[Generate] = []
        """Wishes that no process has been sent yet."""
        self._deaths = 0
        self._news: str | None = None
        """What to say once the process has been started again."""
        self._start_at: float | None = None
        """When to start the process that died, by time.monotonic."""
        self._resting = False
        """Whether it is not started before there is a new wish."""

    def start(self) -> None:
        """Start the thread, which starts the process. Returns at once."""
        self._thread.start()

    def generate(
        self, recipe: Recipe, source: Clip | None = None, *, wish: str | None = None
    ) -> int:
        """Ask for a sound and return its job number at once; any thread.

        A newer job with the same `wish` replaces the older one; of all that wait the newest is
        made first. Of a source, its first 12 seconds go to the engine.
        """
        job = next(self._numbers)
        self._events.put(Generate(job, recipe, source, wish))
        return job

    def cancel(self, job: int) -> None:
        """Ask for the end of a job: before it starts, or between two of its steps; any thread."""
        self._events.put(Cancel(job))

    def use(self, model_folder: Path) -> None:
        """Load another model, which takes over when it is ready; any thread.

        Switched or NotSwitched says how it went, unless still another one is chosen before.
        """
        self._events.put(_Use(model_folder))

    def stay(self) -> None:
        """Go on with the model that makes the sounds, and load no other one; any thread."""
        self._events.put(_Use(None))

    def stop(self) -> None:
        """End the processes and the thread within a few seconds; any thread but the engine's."""
        self._stopping = True
        self._events.put(Stop())
        if self._thread.is_alive():
            self._thread.join(3 * GRACE_S)

    @property
    def pid(self) -> int | None:
        """The number of the process that makes sounds, while it runs."""
        process = self._playing
        return process.pid if process is not None else None

    # --- the engine thread ---

    def _run(self) -> None:
        if os.name == "posix":
            resource_tracker.ensure_running()  # here, so that no other thread waits for it
        self._start()
        while not self._stopping:
            self._take_in_next()
        last = (self._playing, self._loading, *self._leaving)
        end_all([process for process in last if process is not None])
        self._playing = None

    def _take_in_next(self) -> None:
        wait = None if self._start_at is None else max(0.0, self._start_at - time.monotonic())
        try:
            event = self._events.get(timeout=wait)
        except queue.Empty:
            self._start()
            return
        match event:
            case Generate():
                self._wish(event)
            case Cancel(job):
                self._cancel(job)
            case Said(process, answer):
                self._said(process, answer)
            case Ended(process, status):
                self._ended(process, status)
            case _Use(folder):
                self._use(folder)

    def _tell(self, answer: Answer) -> None:
        if not self._stopping:
            self._on_answer(answer)

    # --- wishes ---

    def _wish(self, request: Generate) -> None:
        for process in self._leaving:
            for job, wish in process.wishes.items():
                if wish is not None and wish == request.wish:
                    process.send(Cancel(job))
        if self._playing is not None:
            self._playing.send(request)
            return
        self._waiting.append(request)
        self._resting = self._resting and self._wanted is not None
        self._go_on()

    def _cancel(self, job: int) -> None:
        for process in (self._playing, *self._leaving):
            if process is not None and job in process.wishes:
                process.send(Cancel(job))
        for request in self._waiting:
            if request.job == job:
                self._waiting.remove(request)
                self._tell(Cancelled(job))
                return

    # --- the process that makes sounds ---

    def _go_on(self) -> None:
        """Where no process is left, nor one to come, start one for the model that is wanted."""
        if self._playing or self._loading or self._leaving or self._resting:
            return
        if self._wanted is not None:
            self._load()
        elif self._start_at is None:
            self._start()

    def _start(self) -> None:
        self._start_at = None
        self._playing = self._opened(self._folder)
        if self._playing is None:
            reason = "it could not be started"
            waiting, self._waiting = self._waiting, []
            self._fail([request.job for request in waiting], _stopped(reason))
            self._died(reason, made_a_sound=False)
            return
        if self._news is not None:
            self._tell(Restarted(self._news))
            self._news = None
        self._send_waiting()

    def _opened(self, folder: Path, *, beside: bool = False) -> EngineProcess | None:
        try:
            return EngineProcess(
                ModelAt(folder, self._factory, beside, self._threads), self._events.put
            )
        except OSError:
            return None

    def _send_waiting(self) -> None:
        assert self._playing is not None
        waiting, self._waiting = self._waiting, []
        for request in waiting:
            self._playing.send(request)

    def _died(self, reason: str, *, made_a_sound: bool) -> None:
        """Start the process again, now or later, or not before there is a new wish."""
        self._deaths = 1 if made_a_sound else self._deaths + 1
        self._news = f"The engine had stopped ({reason}) and was started again."
        if self._deaths <= len(self._restart_waits_s):
            self._start_at = time.monotonic() + self._restart_waits_s[self._deaths - 1]
            return
        self._tell(Failed(None, _gave_up(self._deaths, reason)))
        self._rest()

    def _rest(self) -> None:
        """Wait for a new wish, which is worth one more start."""
        self._deaths, self._resting = len(self._restart_waits_s), True

    # --- another model ---

    def _use(self, folder: Path | None) -> None:
        if self._loading is not None:
            self._leave(self._loading)
            self._loading = None
        self._wanted = folder
        if folder is not None:
            self._load()
        else:
            self._go_on()

    def _load(self) -> None:
        assert self._wanted is not None
        beside = self._playing is not None or bool(self._leaving) or self._start_at is not None
        self._loading = self._opened(self._wanted, beside=beside)
        if self._loading is None:
            self._stay("No process could be started for it.")

    def _take_over(self, process: EngineProcess, ready: Ready) -> None:
        if self._playing is not None:
            self._leave(self._playing)
        self._playing, self._loading = process, None
        self._folder, self._wanted = process.folder, None
        self._deaths, self._news, self._start_at, self._resting = 0, None, None, False
        self._tell(Switched(self._folder))
        self._tell(ready)
        self._send_waiting()

    def _leave(self, process: EngineProcess) -> None:
        self._leaving.append(process)
        if not process.wishes:
            process.send(Stop())

    def _make_room(self) -> None:
        """Memory is too short for two: let the model before go, then load the wanted one."""
        assert self._wanted is not None
        if self._playing is not None:
            self._leave(self._playing)
            self._playing = None
        self._start_at, self._resting = None, False
        self._tell(MadeRoom(self._wanted))
        self._go_on()

    def _stay(self, why: str) -> None:
        """The wanted model could not be loaded: the one before goes on."""
        assert self._wanted is not None
        wanted, self._wanted = self._wanted, None
        self._tell(NotSwitched(wanted, why))
        self._resting = self._resting and not self._waiting
        self._go_on()

    # --- what processes say ---

    def _said(self, process: EngineProcess, answer: Answer) -> None:
        match answer:
            case Finished(job) | Cancelled(job) | Failed(int(job)):
                process.made_a_sound |= isinstance(answer, Finished)
                process.wishes.pop(job, None)
                if process in self._leaving and not process.wishes:
                    process.send(Stop())
            case Failed(None, message):
                process.last_words = message
                if process is not self._playing:
                    return
            case Ready():
                if process is self._loading:
                    self._take_over(process, answer)
                    return
                if process is not self._playing:
                    return
        self._tell(answer)

    def _ended(self, process: EngineProcess, status: int) -> None:
        reason = described(status)
        words = process.last_words if status == CANNOT_WORK else None
        if process is self._loading:
            self._loading = None
            if status == NO_ROOM:
                self._make_room()
            else:
                self._stay(words or f"Its process stopped while it was loaded ({reason}).")
        elif process is self._playing:
            self._playing = None
            self._fail(process.wishes, words or _stopped(reason))
            if words is None:
                self._died(reason, made_a_sound=process.made_a_sound)
            else:
                self._news = "The engine was started again."
                self._rest()
        else:
            self._leaving.remove(process)
            self._fail(process.wishes, words or _stopped(reason))
            self._go_on()

    def _fail(self, jobs: Iterable[int], message: str) -> None:
        for job in jobs:
            self._tell(Failed(job, message))


def _stopped(reason: str) -> str:
    return f"The engine stopped before this sound was made ({reason}). Generate it again."


def _gave_up(deaths: int, reason: str) -> str:
    return (
        f"The engine stopped {deaths} times in a row ({reason}). Your sounds are safe. "
        "Generate again to start it once more, or choose another model."
    )
