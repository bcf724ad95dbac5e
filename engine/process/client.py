"""EngineThread: the app's thread that owns the engine processes. No torch.

The active process makes the sounds. To switch models, a second process loads the other model; once
it is ready new requests go to it, and the first one retires after its last answer. Every event
comes through one queue, and only this thread changes state.
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
    ModelUnloaded,
    Ready,
    Recipe,
    Restarted,
    Stop,
    Switched,
    SwitchFailed,
)
from engine.clip import Clip
from engine.process.engine_process import (
    GRACE_S,
    AnswerReceived,
    EngineProcess,
    LaunchOptions,
    ProcessExited,
    describe_exit,
    stop_all,
)
from engine.process.worker import CANNOT_WORK, FACTORY, OUT_OF_MEMORY

RESTART_WAITS_S = (0.0, 0.5, 2.0)
"""Waits before each new start of a process that dies without making a sound in between."""


@dataclass(frozen=True, slots=True)
class _SwitchModel:
    """Switch to another model; None keeps the one in use."""

    folder: Path | None


_Event = AnswerReceived | ProcessExited | Generate | Cancel | _SwitchModel | Stop


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
        self._switching_to: Path | None = None
        """The model that is being loaded, or is to be loaded."""
        self._active: EngineProcess | None = None
        self._loading: EngineProcess | None = None
        self._retiring: list[EngineProcess] = []
        """Processes that stop after their last answer."""
        self._pending: list[Generate] = []
        """Requests that have not been sent to a process yet."""
        self._crashes = 0
        self._restart_notice: str | None = None
        """The message of Restarted once the process has been started again."""
        self._start_at: float | None = None
        """When to start the process that died, by time.monotonic."""
        self._suspended = False
        """Whether restarts wait for the next request."""

    def start(self) -> None:
        """Start the thread, which starts the process. Returns at once."""
        self._thread.start()

    def generate(
        self, recipe: Recipe, source: Clip | None = None, *, slot: str | None = None
    ) -> int:
        """Ask for a sound and return its job number at once; any thread.

        A newer job for the same `slot` replaces the older one; of all waiting jobs the newest
        is made first. Only the first 12 seconds of a source are sent.
        """
        job = next(self._numbers)
        self._events.put(Generate(job, recipe, source, slot))
        return job

    def cancel(self, job: int) -> None:
        """Cancel a job, before it starts or between two of its steps; any thread."""
        self._events.put(Cancel(job))

    def switch_model(self, model_folder: Path) -> None:
        """Load another model and switch to it when it is ready; any thread.

        The answer is Switched or SwitchFailed, or none if yet another one is chosen before.
        """
        self._events.put(_SwitchModel(model_folder))

    def cancel_switch(self) -> None:
        """Keep the model in use and stop loading another one; any thread."""
        self._events.put(_SwitchModel(None))

    def stop(self) -> None:
        """End the processes and the thread within a few seconds; any thread but the engine's."""
        self._stopping = True
        self._events.put(Stop())
        if self._thread.is_alive():
            self._thread.join(3 * GRACE_S)

    @property
    def pid(self) -> int | None:
        """The ID of the process that makes sounds, while it runs."""
        process = self._active
        return process.pid if process is not None else None

    # --- the engine thread ---

    def _run(self) -> None:
        if os.name == "posix":
            resource_tracker.ensure_running()  # here, so that no other thread waits for it
        self._start()
        while not self._stopping:
            self._handle_next_event()
        last = (self._active, self._loading, *self._retiring)
        stop_all([process for process in last if process is not None])
        self._active = None

    def _handle_next_event(self) -> None:
        wait = None if self._start_at is None else max(0.0, self._start_at - time.monotonic())
        try:
            event = self._events.get(timeout=wait)
        except queue.Empty:
            self._start()
            return
        match event:
            case Generate():
                self._handle_request(event)
            case Cancel(job):
                self._cancel(job)
            case AnswerReceived(process, answer):
                self._handle_answer(process, answer)
            case ProcessExited(process, status):
                self._handle_exit(process, status)
            case _SwitchModel(folder):
                self._begin_switch(folder)

    def _post(self, answer: Answer) -> None:
        if not self._stopping:
            self._on_answer(answer)

    # --- requests ---

    def _handle_request(self, request: Generate) -> None:
        for process in self._retiring:
            for job, slot in process.jobs.items():
                if slot is not None and slot == request.slot:
                    process.send(Cancel(job))
        if self._active is not None:
            self._active.send(request)
            return
        self._pending.append(request)
        self._suspended = self._suspended and self._switching_to is not None
        self._ensure_process()

    def _cancel(self, job: int) -> None:
        for process in (self._active, *self._retiring):
            if process is not None and job in process.jobs:
                process.send(Cancel(job))
        for request in self._pending:
            if request.job == job:
                self._pending.remove(request)
                self._post(Cancelled(job))
                return

    # --- the process that makes sounds ---

    def _ensure_process(self) -> None:
        """Start a process for the requested model if there is none, nor one to come."""
        if self._active or self._loading or self._retiring or self._suspended:
            return
        if self._switching_to is not None:
            self._load()
        elif self._start_at is None:
            self._start()

    def _start(self) -> None:
        self._start_at = None
        self._active = self._open_process(self._folder)
        if self._active is None:
            reason = "it could not be started"
            pending, self._pending = self._pending, []
            self._fail([request.job for request in pending], _make_stopped_message(reason))
            self._handle_crash(reason, made_a_sound=False)
            return
        if self._restart_notice is not None:
            self._post(Restarted(self._restart_notice))
            self._restart_notice = None
        self._send_pending()

    def _open_process(self, folder: Path, *, beside: bool = False) -> EngineProcess | None:
        try:
            return EngineProcess(
                LaunchOptions(folder, self._factory, beside, self._threads), self._events.put
            )
        except OSError:
            return None

    def _send_pending(self) -> None:
        assert self._active is not None
        pending, self._pending = self._pending, []
        for request in pending:
            self._active.send(request)

    def _handle_crash(self, reason: str, *, made_a_sound: bool) -> None:
        """Restart the process now, later, or with the next request."""
        self._crashes = 1 if made_a_sound else self._crashes + 1
        self._restart_notice = f"The engine had stopped ({reason}) and was started again."
        if self._crashes <= len(self._restart_waits_s):
            self._start_at = time.monotonic() + self._restart_waits_s[self._crashes - 1]
            return
        self._post(Failed(None, _make_give_up_message(self._crashes, reason)))
        self._suspend()

    def _suspend(self) -> None:
        """Stop restarting until the next request, which gets one more start."""
        self._crashes, self._suspended = len(self._restart_waits_s), True

    # --- another model ---

    def _begin_switch(self, folder: Path | None) -> None:
        if self._loading is not None:
            self._retire(self._loading)
            self._loading = None
        self._switching_to = folder
        if folder is not None:
            self._load()
        else:
            self._ensure_process()

    def _load(self) -> None:
        assert self._switching_to is not None
        beside = self._active is not None or bool(self._retiring) or self._start_at is not None
        self._loading = self._open_process(self._switching_to, beside=beside)
        if self._loading is None:
            self._fail_switch("No process could be started for it.")

    def _complete_switch(self, process: EngineProcess, ready: Ready) -> None:
        if self._active is not None:
            self._retire(self._active)
        self._active, self._loading = process, None
        self._folder, self._switching_to = process.folder, None
        self._crashes, self._restart_notice, self._start_at, self._suspended = 0, None, None, False
        self._post(Switched(self._folder))
        self._post(ready)
        self._send_pending()

    def _retire(self, process: EngineProcess) -> None:
        self._retiring.append(process)
        if not process.jobs:
            process.send(Stop())

    def _unload_and_load(self) -> None:
        """Unload the model in use, then load the new one: memory does not hold both."""
        assert self._switching_to is not None
        if self._active is not None:
            self._retire(self._active)
            self._active = None
        self._start_at, self._suspended = None, False
        self._post(ModelUnloaded(self._switching_to))
        self._ensure_process()

    def _fail_switch(self, why: str) -> None:
        """Report that the new model could not be loaded, and go on with the one in use."""
        assert self._switching_to is not None
        folder, self._switching_to = self._switching_to, None
        self._post(SwitchFailed(folder, why))
        self._suspended = self._suspended and not self._pending
        self._ensure_process()

    # --- answers and exits ---

    def _handle_answer(self, process: EngineProcess, answer: Answer) -> None:
        match answer:
            case Finished(job) | Cancelled(job) | Failed(int(job)):
                process.made_a_sound |= isinstance(answer, Finished)
                process.jobs.pop(job, None)
                if process in self._retiring and not process.jobs:
                    process.send(Stop())
            case Failed(None, message):
                process.failure = message
                if process is not self._active:
                    return
            case Ready():
                if process is self._loading:
                    self._complete_switch(process, answer)
                    return
                if process is not self._active:
                    return
        self._post(answer)

    def _handle_exit(self, process: EngineProcess, status: int) -> None:
        reason = describe_exit(status)
        failure = process.failure if status == CANNOT_WORK else None
        if process is self._loading:
            self._loading = None
            if status == OUT_OF_MEMORY:
                self._unload_and_load()
            else:
                self._fail_switch(failure or f"Its process stopped while it was loaded ({reason}).")
        elif process is self._active:
            self._active = None
            self._fail(process.jobs, failure or _make_stopped_message(reason))
            if failure is None:
                self._handle_crash(reason, made_a_sound=process.made_a_sound)
            else:
                self._restart_notice = "The engine was started again."
                self._suspend()
        else:
            self._retiring.remove(process)
            self._fail(process.jobs, failure or _make_stopped_message(reason))
            self._ensure_process()

    def _fail(self, jobs: Iterable[int], message: str) -> None:
        for job in jobs:
            self._post(Failed(job, message))


def _make_stopped_message(reason: str) -> str:
    return f"The engine stopped before this sound was made ({reason}). Generate it again."


def _make_give_up_message(crashes: int, reason: str) -> str:
    return (
        f"The engine stopped {crashes} times in a row ({reason}). Your sounds are safe. "
        "Generate again to start it once more, or choose another model."
    )
