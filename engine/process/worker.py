"""The engine's end of the pipe: one job at a time, cancel between steps, newest job first.

Runs in the engine process, with two threads: the main thread makes sounds, the other one reads
the app's requests and ends the process as soon as the app is gone. Torch is imported with the
generator, inside `run_worker`; importing this module is cheap.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn, cast

from engine.api import (
    SHORTEST_S,
    Answer,
    Cancel,
    Cancelled,
    EngineError,
    Failed,
    Finished,
    Generate,
    GenerationCancelled,
    InsufficientMemoryError,
    Preview,
    Progress,
    Ready,
    Recipe,
    Stop,
)
from engine.clip import Clip
from engine.errors import PlayerError
from engine.process.channel import Channel, Envelope, SharedBuffer, read_shared_clip
from engine.process.generator_protocol import Generator

log = logging.getLogger(__name__)

FACTORY = "engine.generation.generator:load_generator"
"""Module and function that load a generator from a model folder onto a named device."""

CANNOT_WORK = 3
"""Exit status after Failed(None, why): starting the engine again will not help."""

OUT_OF_MEMORY = 4
"""Exit status of an engine with too little memory beside another one."""

_LOWER_PRIORITY = 10


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """The model of an engine process and its device ("auto", "cpu", "cuda", "mps").

    With `beside` another process makes the sounds until this one is ready.
    """

    model_folder: Path
    device: str = "auto"
    factory: str = FACTORY
    beside: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """A request that waits or runs, with the name of its shared memory."""

    request: Generate
    buffer: str | None

    @property
    def number(self) -> int:
        """The app's number of this job."""
        return self.request.job


class Inbox:
    """The jobs that wait and the one that runs. Any thread."""

    def __init__(self, answer: Callable[[Answer], None]) -> None:
        self._answer = answer
        self._changed = threading.Condition()
        self._waiting: list[Job] = []
        self._running: Job | None = None
        self._keep_going = True

    def add(self, job: Job) -> None:
        """Add a job; it replaces an older one for the same slot."""
        slot = job.request.slot
        with self._changed:
            if slot is not None:
                self._drop(lambda other: other.request.slot == slot)
            self._waiting.append(job)
            self._changed.notify()

    def cancel(self, number: int) -> None:
        """Drop a waiting job, or stop the running one at its next step."""
        with self._changed:
            self._drop(lambda job: job.number == number)

    def next(self) -> Job:
        """Wait for a job and take the newest."""
        with self._changed:
            self._running = None
            self._changed.wait_for(lambda: self._waiting)
            self._running = self._waiting.pop()
            self._keep_going = True
            return self._running

    @property
    def is_empty(self) -> bool:
        """Whether no job waits."""
        return not self._waiting

    @property
    def keep_going(self) -> bool:
        """Whether the running job is still wanted."""
        return self._keep_going

    def _drop(self, unwanted: Callable[[Job], bool]) -> None:
        if self._running is not None and unwanted(self._running):
            self._keep_going = False
        for job in [job for job in self._waiting if unwanted(job)]:
            self._waiting.remove(job)
            self._answer(Cancelled(job.number))


def run_worker(channel: Channel, options: WorkerOptions) -> int:
    """Load the model, then make sounds until the app goes. Returns the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in a terminal is for the app
    inbox = Inbox(channel.send)
    threading.Thread(
        target=_read_requests, args=(channel, inbox), name="requests", daemon=True
    ).start()
    started = time.perf_counter()
    try:
        # Load at the app's priority: at a lower one, beside busy programs, it takes half a minute.
        # But another engine that makes sounds meanwhile must not wait for it.
        if options.beside:
            _lower_priority()
        load = find_factory(options.factory)
        generator = load(options.model_folder, options.device, beside=options.beside)
        _lower_priority()
        load_s = time.perf_counter() - started
        if options.beside:
            _warm_up_beside(generator, inbox)
    except EngineError as error:
        if options.beside and isinstance(error, InsufficientMemoryError):
            return OUT_OF_MEMORY
        channel.send(Failed(None, str(error)))
        return CANNOT_WORK
    except Exception as error:
        log.exception("the model could not be loaded")
        channel.send(Failed(None, f"The model could not be started ({_describe(error)})."))
        return CANNOT_WORK
    ready = Ready(generator.card.name, generator.device, generator.precision, load_s)
    channel.send(ready)
    if not options.beside:
        _warm_up(generator, inbox)
    try:
        while True:
            _make_sound(channel, inbox, generator, inbox.next())
            if generator.device != ready.device:  # memory was short there
                ready = replace(ready, device=generator.device, precision=generator.precision)
                channel.send(ready)
    except BrokenPipeError:
        return 0  # the app has gone


def find_factory(name: str = FACTORY) -> Callable[..., Generator]:
    """Import the function that loads a generator, and torch with it.

    It is named by a string, so that nothing that the app imports leads to torch.
    """
    module, _, function = name.partition(":")
    return cast(Callable[..., Generator], getattr(importlib.import_module(module), function))


def _warm_up_beside(generator: Generator, inbox: Inbox) -> None:
    """Warm up before Ready, since nobody waits yet; raises if that moves it to another device."""
    device = generator.device
    _warm_up(generator, inbox)
    if generator.device != device:
        raise InsufficientMemoryError("A first sound had no room there.")


def _warm_up(generator: Generator, inbox: Inbox) -> None:
    """Make a sound and discard it, unless a request comes: the first takes much longer."""
    recipe = Recipe("kick", seconds=SHORTEST_S, steps=1, seed=0)
    try:
        generator.generate(recipe, None, lambda step, steps: inbox.is_empty)
    except GenerationCancelled:
        pass  # a request has come, and warms up as well
    except Exception:
        log.exception("the first sound failed; the next one will say so")


def _make_sound(channel: Channel, inbox: Inbox, generator: Generator, job: Job) -> None:
    """Make one sound and send its answer; any error is sent too, and does not end the process."""

    def on_step(step: int, steps: int) -> bool:
        if inbox.keep_going:
            channel.send(Progress(job.number, step, steps))
        return inbox.keep_going

    def on_preview(clip: Clip) -> None:
        if inbox.keep_going:
            _send_clip(channel, job, Preview(job.number, clip))

    try:
        made = generator.generate(job.request.recipe, job.request.source, on_step, on_preview)
    except GenerationCancelled:
        channel.send(Cancelled(job.number))
    except BrokenPipeError:
        raise
    except PlayerError as error:
        channel.send(Failed(job.number, str(error)))
    except Exception as error:
        log.exception("job %d failed", job.number)
        channel.send(Failed(job.number, f"The sound could not be made ({_describe(error)})."))
    else:
        # The request may name another model: it may date from before a switch.
        recipe = replace(made.recipe, model=generator.card.name)
        finished = Finished(job.number, recipe, made.clip, made.timing, made.notice)
        _send_clip(channel, job, finished)


def _send_clip(channel: Channel, job: Job, answer: Preview | Finished) -> None:
    if job.buffer is None:
        channel.send(answer)
        return
    buffer = SharedBuffer.attach(job.buffer)
    try:
        channel.send(answer, buffer)
    finally:
        buffer.close()


def _read_requests(channel: Channel, inbox: Inbox) -> NoReturn:
    """Read the app's requests (own thread); exit with the app, even in mid-step."""
    try:
        while _handle(inbox, channel.receive(read_shared_clip)):
            pass
    except (EOFError, OSError):
        pass  # the app has gone
    except BaseException:
        log.exception("a request could not be read")
    os._exit(0)


def _handle(inbox: Inbox, envelope: Envelope) -> bool:
    match envelope.message:
        case Generate() as request:
            inbox.add(Job(request, envelope.buffer))
        case Cancel(number):
            inbox.cancel(number)
        case Stop():
            return False
        case _:
            log.error("not a request: %r", envelope.message)
    return True


def _lower_priority() -> None:
    """Lower the priority of all existing threads; on Windows the app starts the process lower."""
    if not hasattr(os, "setpriority"):
        return
    # On Linux priority is per thread, and torch has started its threads by now.
    tasks = Path("/proc/self/task")
    threads = [int(task.name) for task in tasks.iterdir()] if tasks.is_dir() else [0]
    for thread in threads:
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            os.setpriority(os.PRIO_PROCESS, thread, _LOWER_PRIORITY)


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
