"""One engine process as the app sees it: its pipes, its jobs' shared memory, its exit. No torch.

One thread reads answers; another one writes requests, so that no caller waits when the pipe is
full.
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
from engine.process.channel import Channel, ClipLocation, SharedBuffer
from engine.process.python_child import child_environment, module_command

WORKER_COMMAND = "engine-worker"
"""First argument that makes a frozen Pingpad run as the engine process."""
GRACE_S = 2.0
"""How long a process may take to stop when asked to, before it is killed."""

_HIGHEST_RATE, _MOST_CHANNELS = 48_000, 2


@dataclass(frozen=True, slots=True)
class LaunchOptions:
    """How a process is started; `beside`: another process is making sounds meanwhile."""

    folder: Path
    factory: str
    beside: bool = False
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class AnswerReceived:
    """An answer of a process."""

    process: EngineProcess
    answer: Answer


@dataclass(frozen=True, slots=True)
class ProcessExited:
    """A process has exited with this status; nothing more comes from it."""

    process: EngineProcess
    status: int


class EngineProcess:
    """A process that holds a model; `on_event` is called on its reading thread.

    The fields belong to the engine thread.
    """

    def __init__(
        self, model: LaunchOptions, on_event: Callable[[AnswerReceived | ProcessExited], object]
    ) -> None:
        """Start it. Raises OSError when that fails."""
        self.folder = model.folder
        self.jobs: dict[int, str | None] = {}
        """Jobs that were sent and have not ended, with their slots."""
        self.made_a_sound = False
        self.failure: str | None = None
        self._on_event = on_event
        self._process = subprocess.Popen(
            _build_command(model),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_build_environment(model.threads),
            creationflags=_creation_flags(),
        )
        self._channel = Channel(
            cast(BinaryIO, self._process.stdout), cast(BinaryIO, self._process.stdin)
        )
        self._outbox: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._buffers: dict[int, SharedBuffer] = {}
        self._buffers_lock = threading.Lock()
        self._writer = threading.Thread(
            target=self._write_requests, name="engine requests", daemon=True
        )
        self._reader = threading.Thread(
            target=self._read_answers, name="engine answers", daemon=True
        )
        self._writer.start()
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process ID."""
        return self._process.pid

    def send(self, request: Request) -> None:
        """Queue a request."""
        if isinstance(request, Generate):
            self.jobs[request.job] = request.slot
        self._outbox.put(request)

    def close(self, seconds: float) -> None:
        """Wait at most this long for it to exit, then kill it."""
        self._reader.join(seconds)
        if self._reader.is_alive():
            self._process.kill()
            self._reader.join(GRACE_S)

    # --- the reading thread ---

    def _read_answers(self) -> None:
        try:
            while True:
                answer = cast(Answer, self._channel.receive(self._read_clip).message)
                match answer:
                    case Finished(job) | Cancelled(job) | Failed(int(job)):
                        self._close_buffer(job)
                self._on_event(AnswerReceived(self, answer))
        except (EOFError, OSError, pickle.UnpicklingError):
            pass  # it has ended, or died in the middle of a message
        finally:
            status = _wait_for_exit(self._process)
            self._outbox.put(None)
            self._writer.join()
            for pipe in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(OSError):  # unsent requests are lost anyway
                    cast(BinaryIO, pipe).close()
            for job in [*self._buffers]:
                self._close_buffer(job)
            self._on_event(ProcessExited(self, status))

    def _read_clip(self, location: ClipLocation) -> Clip:
        with self._buffers_lock:
            buffers = [*self._buffers.values()]
        for buffer in buffers:
            if buffer.name == location.buffer:
                return buffer.read(location)
        raise EOFError(f"a clip lies in a buffer that is gone: {location.buffer}")

    def _close_buffer(self, job: int) -> None:
        with self._buffers_lock:
            buffer = self._buffers.pop(job, None)
        if buffer is not None:
            buffer.close()

    # --- the writing thread ---

    def _write_requests(self) -> None:
        while (request := self._outbox.get()) is not None:
            buffer = self._create_buffer(request) if isinstance(request, Generate) else None
            try:
                self._channel.send(_cut_source(request), buffer, name_buffer=True)
            except OSError:
                return  # it has ended, and its jobs with it

    def _create_buffer(self, request: Generate) -> SharedBuffer | None:
        result = math.ceil(request.recipe.seconds * _HIGHEST_RATE + 1) * _MOST_CHANNELS * 4
        source = 0 if request.source is None else request.source.samples.nbytes
        try:
            buffer = SharedBuffer.create(max(result, source))
        except OSError:
            return None  # the clips go through the pipe, slower
        with self._buffers_lock:
            self._buffers[request.job] = buffer
        return buffer


def stop_all(processes: list[EngineProcess]) -> None:
    """Ask processes to stop, and kill those that have not within a few seconds."""
    for process in processes:
        process.send(Stop())
    for process in processes:
        process.close(GRACE_S / len(processes))


def count_engine_threads(cores: int) -> int:
    """Return how many threads the engine may use: one core stays free for the app."""
    return max(1, cores - 1)


def describe_exit(status: int) -> str:
    """Return how a process ended, for the player."""
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"ended by {signal.Signals(-status).name}"
    return f"exit status {status}"


def _build_command(model: LaunchOptions) -> list[str]:
    arguments = [str(model.folder.resolve()), "--factory", model.factory]
    if model.beside:
        arguments.append("--beside")
    if getattr(sys, "frozen", False):
        return [sys.executable, WORKER_COMMAND, *arguments]
    return module_command("engine", *arguments)


def _build_environment(threads: int | None) -> dict[str, str]:
    environment = child_environment()
    if threads is not None:
        environment["OMP_NUM_THREADS"] = str(threads)
    else:
        environment.setdefault("OMP_NUM_THREADS", str(count_engine_threads(_count_cores())))
    return environment


def _count_cores() -> int:
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


def _wait_for_exit(process: subprocess.Popen[bytes]) -> int:
    """Return the exit status of a process that closed its pipe, killing it if need be."""
    try:
        return process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
