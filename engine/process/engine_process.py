"""One engine process as the app sees it: its pipes, its jobs' shared memory, its end. No torch.

A thread follows what it says; another one writes the requests, so that nobody waits when the pipe
is full.
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
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from engine.api import LONGEST_S, Answer, Cancelled, Failed, Finished, Generate, Request, Stop
from engine.clip import Clip
from engine.files.paths import ROOT
from engine.process.channel import ClipPlace, Lane, Wire

WORKER_COMMAND = "engine-worker"
"""First argument by which a frozen Pingpad becomes the engine process."""
GRACE_S = 2.0
"""How long a process may take to end that was asked to, before it is killed."""

_HIGHEST_RATE, _MOST_CHANNELS = 48_000, 2


@dataclass(frozen=True, slots=True)
class ModelAt:
    """What a process is started with: `beside` says that another one holds a model meanwhile."""

    folder: Path
    factory: str
    beside: bool = False
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """An answer of a process."""

    process: EngineProcess
    answer: Answer


@dataclass(frozen=True, slots=True)
class Ended:
    """A process is gone, with its exit status; nothing more comes from it."""

    process: EngineProcess
    status: int


class EngineProcess:
    """A process that holds a model. `hear` gets what becomes of it, on the process's own thread.

    The fields belong to the engine thread.
    """

    def __init__(self, model: ModelAt, hear: Callable[[Said | Ended], object]) -> None:
        """Start it. Raises OSError where that cannot be."""
        self.folder = model.folder
        self.wishes: dict[int, str | None] = {}
        """Jobs that were sent and have not ended, with the names of their wishes."""
        self.made_a_sound = False
        self.last_words: str | None = None
        self._hear = hear
        self._process = subprocess.Popen(
            _command(model),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(model.threads),
            creationflags=_creation_flags(),
        )
        self._wire = Wire(cast(BinaryIO, self._process.stdout), cast(BinaryIO, self._process.stdin))
        self._outbox: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._lanes: dict[int, Lane] = {}
        self._lanes_lock = threading.Lock()
        self._writer = threading.Thread(
            target=self._write_requests, name="engine requests", daemon=True
        )
        self._reader = threading.Thread(target=self._follow, name="engine answers", daemon=True)
        self._writer.start()
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def send(self, request: Request) -> None:
        """Put a request on its way."""
        if isinstance(request, Generate):
            self.wishes[request.job] = request.wish
        self._outbox.put(request)

    def close(self, seconds: float) -> None:
        """Wait for its end so long at most, then kill it."""
        self._reader.join(seconds)
        if self._reader.is_alive():
            self._process.kill()
            self._reader.join(GRACE_S)

    # --- the thread that follows it ---

    def _follow(self) -> None:
        try:
            while True:
                answer = cast(Answer, self._wire.receive(self._take_clip).message)
                match answer:
                    case Finished(job) | Cancelled(job) | Failed(int(job)):
                        self._close_lane(job)
                self._hear(Said(self, answer))
        except (EOFError, OSError, pickle.UnpicklingError):
            pass  # it has ended, or died in the middle of a message
        finally:
            status = _end(self._process)
            self._outbox.put(None)
            self._writer.join()
            for pipe in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(OSError):  # what was not sent cannot be any more
                    cast(BinaryIO, pipe).close()
            for job in [*self._lanes]:
                self._close_lane(job)
            self._hear(Ended(self, status))

    def _take_clip(self, place: ClipPlace) -> Clip:
        with self._lanes_lock:
            lanes = [*self._lanes.values()]
        for lane in lanes:
            if lane.name == place.lane:
                return lane.take(place)
        raise EOFError(f"a clip lies in a lane that is gone: {place.lane}")

    def _close_lane(self, job: int) -> None:
        with self._lanes_lock:
            lane = self._lanes.pop(job, None)
        if lane is not None:
            lane.close()

    # --- the writing thread ---

    def _write_requests(self) -> None:
        while (request := self._outbox.get()) is not None:
            lane = self._lane_for(request) if isinstance(request, Generate) else None
            try:
                self._wire.send(_cut_source(request), lane, name_lane=True)
            except OSError:
                return  # it has ended, and its jobs with it

    def _lane_for(self, request: Generate) -> Lane | None:
        result = math.ceil(request.recipe.seconds * _HIGHEST_RATE + 1) * _MOST_CHANNELS * 4
        source = 0 if request.source is None else request.source.samples.nbytes
        try:
            lane = Lane.create(max(result, source))
        except OSError:
            return None  # the clips go through the pipe, slower
        with self._lanes_lock:
            self._lanes[request.job] = lane
        return lane


def end_all(processes: list[EngineProcess]) -> None:
    """Ask processes to end, and kill those that do not within a few seconds."""
    for process in processes:
        process.send(Stop())
    for process in processes:
        process.close(GRACE_S / len(processes))


def engine_threads(cores: int) -> int:
    """Return how many threads the engine may use, so that one core stays with the player."""
    return max(1, cores - 1)


def described(status: int) -> str:
    """Return how a process ended, for the player."""
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"ended by {signal.Signals(-status).name}"
    return f"exit status {status}"


def _command(model: ModelAt) -> list[str]:
    arguments = [str(model.folder.resolve()), "--factory", model.factory]
    if model.beside:
        arguments.append("--beside")
    if getattr(sys, "frozen", False):
        return [sys.executable, WORKER_COMMAND, *arguments]
    # -P: a file torch.py in the player's present folder must not become the engine's torch.
    return [sys.executable, "-P", "-m", "engine", *arguments]


def _environment(threads: int | None) -> dict[str, str]:
    environment = dict(os.environ)
    folders = [str(ROOT), environment.get("PYTHONPATH", "")]
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
        return process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
