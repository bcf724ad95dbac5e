"""EngineThread: the app's thread that owns the engine process. Light half: no torch.

The thread starts the process, follows its answers, and starts it again when it dies. A second
small thread writes the requests, so that nobody waits when the pipe is full.
"""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from multiprocessing import resource_tracker
from pathlib import Path
from typing import BinaryIO, cast

from engine.api import (
    LONGEST_S,
    Answer,
    Cancel,
    Cancelled,
    Failed,
    Finished,
    Generate,
    Recipe,
    Request,
    Restarted,
    Stop,
)
from engine.clip import Clip
from engine.wire import ClipPlace, Lane, Wire
from engine.worker import CANNOT_WORK, FACTORY

RESTART_WAITS_S = (0.0, 0.5, 2.0)
"""Waits before each new start of a process that dies without making a sound in between."""

WORKER_COMMAND = "engine-worker"
"""First argument by which a frozen Pingpad becomes the engine process."""

_GRACE_S = 2.0
_HIGHEST_RATE, _MOST_CHANNELS = 48_000, 2
_ROOT = Path(__file__).resolve().parent.parent


@dataclass(slots=True)
class _Worker:
    """One engine process, the requests on their way to it, and what became of it."""

    process: subprocess.Popen[bytes]
    wire: Wire
    outbox: queue.SimpleQueue[Request | None]
    made_a_sound: bool = False
    last_words: str | None = None


@dataclass(slots=True)
class _Shared:
    """What several threads touch, under `changed`."""

    changed: threading.Condition = field(default_factory=threading.Condition)
    lanes: dict[int, Lane | None] = field(default_factory=dict)
    outbox: queue.SimpleQueue[Request | None] = field(default_factory=queue.SimpleQueue)
    process: subprocess.Popen[bytes] | None = None
    stopping: bool = False
    switched: bool = False
    """Another model was chosen since the process was started."""
    left: dict[int, Lane | None] = field(default_factory=dict)
    """Jobs of the model before."""


class EngineThread:
    """The engine process and the thread that owns it.

    `on_answer` is called on this thread for every answer, and no more once `stop` has returned.
    Every job gets exactly one of Finished, Failed and Cancelled. A process that dies is started
    again at once; one that dies again and again, or whose model cannot be loaded, is
    Failed(None, why), and the next `generate` tries once more.
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
        self._factory = factory
        self._command = _command(model_folder.resolve(), factory)
        self._environment = _environment(threads)
        self._restart_waits_s = tuple(restart_waits_s)
        self._numbers = count(1)
        self._shared = _Shared()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

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
        shared = self._shared
        with shared.changed:
            shared.lanes[job] = None
            shared.outbox.put(Generate(job, recipe, source, wish))
            shared.changed.notify_all()
        return job

    def cancel(self, job: int) -> None:
        """Ask for the end of a job: before it starts, or between two of its steps; any thread."""
        with self._shared.changed:
            self._shared.outbox.put(Cancel(job))

    def use(self, model_folder: Path) -> None:
        """Go on with another model: jobs that are not done fail, later ones are its; any thread."""
        shared = self._shared
        with shared.changed:
            self._command = _command(model_folder.resolve(), self._factory)
            shared.outbox.put(Stop())
            shared.outbox = queue.SimpleQueue()
            shared.left.update(shared.lanes)
            shared.lanes = {}
            shared.switched = True
            shared.changed.notify_all()

    def stop(self) -> None:
        """End the process and the thread within a few seconds; any thread but the engine's."""
        with self._shared.changed:
            self._shared.stopping = True
            self._shared.outbox.put(Stop())
            self._shared.changed.notify_all()
        if not self._thread.is_alive():
            return
        self._thread.join(_GRACE_S)
        if self._thread.is_alive():
            process = self._shared.process
            if process is not None:
                process.kill()
            self._thread.join(_GRACE_S)

    @property
    def pid(self) -> int | None:
        """The process number of the engine while it runs."""
        process = self._shared.process
        return process.pid if process is not None else None

    # --- the engine thread ---

    def _run(self) -> None:
        if os.name == "posix":
            resource_tracker.ensure_running()  # here, so that no other thread waits for it
        deaths, news = 0, None
        while not self._shared.stopping:
            worker = self._spawn()
            if worker is not None and news is not None:
                self._tell(Restarted(news))
            reason = self._serve(worker) if worker is not None else "it could not be started"
            if self._shared.stopping:
                break
            if self._shared.switched:
                deaths, news = 0, None
                continue
            deaths = 1 if worker is not None and worker.made_a_sound else deaths + 1
            if worker is not None and worker.last_words is not None:
                self._fail_jobs(worker.last_words)
                deaths = self._rest()
                news = "The engine was started again."
                continue
            self._fail_jobs(
                f"The engine stopped before this sound was made ({reason}). Generate it again."
            )
            news = f"The engine had stopped ({reason}) and was started again."
            if deaths <= len(self._restart_waits_s):
                self._wait(self._restart_waits_s[deaths - 1])
                continue
            self._tell(Failed(None, _gave_up(deaths, reason)))
            deaths = self._rest()
        self._fail_jobs("")

    def _rest(self) -> int:
        """Wait for a new wish, which is worth one more start; returns the deaths to count from."""
        shared = self._shared
        with shared.changed:
            shared.changed.wait_for(lambda: shared.stopping or shared.lanes or shared.switched)
        return len(self._restart_waits_s)

    def _wait(self, seconds: float) -> None:
        with self._shared.changed:
            shared = self._shared
            shared.changed.wait_for(lambda: shared.stopping or shared.switched, seconds)

    def _spawn(self) -> _Worker | None:
        with self._shared.changed:
            command, self._shared.switched = self._command, False
            left, self._shared.left = self._shared.left, {}
        self._fail(left, "Another model was chosen before this sound was made. Generate it again.")
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=self._environment,
                creationflags=_creation_flags(),
            )
        except OSError:
            return None
        wire = Wire(cast(BinaryIO, process.stdout), cast(BinaryIO, process.stdin))
        with self._shared.changed:
            self._shared.process = process
            outbox = self._shared.outbox
            if self._shared.switched:  # while it was started
                outbox = queue.SimpleQueue()
                outbox.put(Stop())
            return _Worker(process, wire, outbox)

    def _serve(self, worker: _Worker) -> str:
        """Follow one process until it ends; returns how it ended, for the player."""
        writer = threading.Thread(
            target=self._write_requests, args=(worker,), name="engine requests", daemon=True
        )
        writer.start()
        try:
            self._follow_answers(worker)
        finally:
            status = _end(worker.process)
            worker.outbox.put(None)
            writer.join()
            for pipe in (worker.process.stdin, worker.process.stdout):
                with contextlib.suppress(OSError):  # what was not sent cannot be any more
                    cast(BinaryIO, pipe).close()
            self._shared.process = None
        if status != CANNOT_WORK:
            worker.last_words = None
        return _described(status)

    def _follow_answers(self, worker: _Worker) -> None:
        while True:
            try:
                answer = worker.wire.receive(self._take_clip).message
            except (EOFError, OSError, pickle.UnpicklingError):
                return  # it has ended, or died in the middle of a message
            match answer:
                case Finished() | Cancelled() | Failed(int()):
                    worker.made_a_sound |= isinstance(answer, Finished)
                    self._settle(cast(int, answer.job))
                case Failed(None, message):
                    worker.last_words = message
            self._tell(cast(Answer, answer))

    def _take_clip(self, place: ClipPlace) -> Clip:
        with self._shared.changed:
            lanes = [*self._shared.lanes.values(), *self._shared.left.values()]
        for lane in lanes:
            if lane is not None and lane.name == place.lane:
                return lane.take(place)
        raise EOFError(f"a clip lies in a lane that is gone: {place.lane}")

    def _settle(self, job: int) -> None:
        with self._shared.changed:
            shared = self._shared
            held = shared.lanes if job in shared.lanes else shared.left
            lane = held.pop(job, None)
        if lane is not None:
            lane.close()

    def _fail_jobs(self, message: str) -> None:
        """Fail every job of a process that has ended; later jobs go to the next one."""
        with self._shared.changed:
            jobs = self._shared.left | self._shared.lanes
            self._shared.lanes, self._shared.left = {}, {}
            self._shared.outbox = queue.SimpleQueue()
        self._fail(jobs, message)

    def _fail(self, jobs: dict[int, Lane | None], message: str) -> None:
        for job, lane in jobs.items():
            if lane is not None:
                lane.close()
            self._tell(Failed(job, message))

    def _tell(self, answer: Answer) -> None:
        if not self._shared.stopping:
            self._on_answer(answer)

    # --- the writing thread ---

    def _write_requests(self, worker: _Worker) -> None:
        while (request := worker.outbox.get()) is not None:
            lane = self._lane_for(request) if isinstance(request, Generate) else None
            try:
                worker.wire.send(_cut_source(request), lane, name_lane=True)
            except OSError:
                return  # it has ended; the engine thread fails its jobs

    def _lane_for(self, request: Generate) -> Lane | None:
        result = math.ceil(request.recipe.seconds * _HIGHEST_RATE + 1) * _MOST_CHANNELS * 4
        source = 0 if request.source is None else request.source.samples.nbytes
        try:
            lane = Lane.create(max(result, source))
        except OSError:
            return None  # the clips go through the pipe, slower
        with self._shared.changed:
            if request.job in self._shared.lanes:
                self._shared.lanes[request.job] = lane
                return lane
        lane.close()
        return None


def engine_threads(cores: int) -> int:
    """Return how many threads the engine may use, so that one core stays with the player."""
    return max(1, cores - 1)


def _command(model_folder: Path, factory: str) -> list[str]:
    arguments = [str(model_folder), "--factory", factory]
    if getattr(sys, "frozen", False):
        return [sys.executable, WORKER_COMMAND, *arguments]
    # -P: a file torch.py in the player's present folder must not become the engine's torch.
    return [sys.executable, "-P", "-m", "engine", *arguments]


def _environment(threads: int | None) -> dict[str, str]:
    environment = dict(os.environ)
    folders = [str(_ROOT), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(folder for folder in folders if folder)
    if threads is not None:
        environment["OMP_NUM_THREADS"] = str(threads)
    else:
        environment.setdefault("OMP_NUM_THREADS", str(engine_threads(_cores())))
    return environment


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _creation_flags() -> int:
    if sys.platform != "win32":
        return 0
    return subprocess.BELOW_NORMAL_PRIORITY_CLASS | subprocess.CREATE_NO_WINDOW


def _cut_source(request: Request) -> Request:
    if not isinstance(request, Generate) or request.source is None:
        return request
    source = request.source
    frames = math.ceil(LONGEST_S * source.rate)
    if source.frames <= frames:
        return request
    return replace(request, source=Clip(source.samples[:frames], source.rate))


def _end(process: subprocess.Popen[bytes]) -> int:
    """Return the status of a process that has closed its pipe, ending it if need be."""
    try:
        return process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _described(status: int) -> str:
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"ended by {signal.Signals(-status).name}"
    return f"exit status {status}"


def _gave_up(deaths: int, reason: str) -> str:
    return (
        f"The engine stopped {deaths} times in a row ({reason}). Your sounds are safe. "
        "Generate again to start it once more, or choose another model."
    )
