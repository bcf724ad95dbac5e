"""The engine's end of the pipe: one job at a time, cancel between steps, newest wish first.

Runs in the engine process, with two threads: the main thread makes sounds, the other one follows
the app's requests and ends the process as soon as the app is gone. Torch comes in with the
generator, inside `run_worker`; importing this module costs nothing.
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
    Begun,
    Cancel,
    Cancelled,
    EngineError,
    Failed,
    Finished,
    Generate,
    GenerationCancelled,
    NoRoomError,
    Progress,
    Ready,
    Recipe,
    Stop,
)
from engine.clip import Clip
from engine.errors import PlayerError
from engine.process.channel import Lane, Parcel, Wire, take_attached
from engine.process.generator_protocol import Generator

LOG = logging.getLogger(__name__)

FACTORY = "engine.generation.generator:load_generator"
"""Module and function that make a generator of a model folder and a device name."""

CANNOT_WORK = 3
"""Exit status of an engine that has said why it cannot work: starting it again will not help."""

NO_ROOM = 4
"""Exit status of an engine that found too little memory beside another one."""

_LOWER_PRIORITY = 10


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """Which model the engine process holds, on which device ("auto", "cpu", "cuda", "mps").

    `beside` says that another process makes the sounds until this one is ready.
    """

    model_folder: Path
    device: str = "auto"
    factory: str = FACTORY
    beside: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """A request that waits or runs, with the name of its shared memory."""

    request: Generate
    lane: str | None

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
        """Put a job in; it takes the place of an older one with the same wish."""
        wish = job.request.wish
        with self._changed:
            if wish is not None:
                self._drop(lambda other: other.request.wish == wish)
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


def run_worker(wire: Wire, options: WorkerOptions) -> int:
    """Load the model, then make sounds until the app goes. Returns the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in a terminal is for the app
    inbox = Inbox(wire.send)
    threading.Thread(target=_follow, args=(wire, inbox), name="requests", daemon=True).start()
    started = time.perf_counter()
    try:
        # Loading goes at the app's own priority, since behind busy programs it would take half a
        # minute; where sounds are made meanwhile, they would wait for it.
        if options.beside:
            _let_the_app_go_first()
        load = find_factory(options.factory)
        generator = load(options.model_folder, options.device, beside=options.beside)
        _let_the_app_go_first()
        load_s = time.perf_counter() - started
        if options.beside:
            _warm_up_beside(generator, inbox)
    except EngineError as error:
        if options.beside and isinstance(error, NoRoomError):
            return NO_ROOM
        wire.send(Failed(None, str(error)))
        return CANNOT_WORK
    except Exception as error:
        LOG.exception("the model could not be loaded")
        wire.send(Failed(None, f"The model could not be started ({_named(error)})."))
        return CANNOT_WORK
    ready = Ready(generator.card.name, generator.device, generator.precision, load_s)
    wire.send(ready)
    if not options.beside:
        _warm_up(generator, inbox)
    try:
        while True:
            _work(wire, inbox, generator, inbox.next())
            if generator.device != ready.device:  # memory was short there
                ready = replace(ready, device=generator.device, precision=generator.precision)
                wire.send(ready)
    except BrokenPipeError:
        return 0  # the app has gone


def find_factory(name: str = FACTORY) -> Callable[..., Generator]:
    """Import what makes a generator, and torch with it.

    Found by name, so that no module of the app's side leads to torch.
    """
    module, _, function = name.partition(":")
    return cast(Callable[..., Generator], getattr(importlib.import_module(module), function))


def _warm_up_beside(generator: Generator, inbox: Inbox) -> None:
    """Nobody waits for this one yet: it is ready when it is warm, where it was loaded."""
    device = generator.device
    _warm_up(generator, inbox)
    if generator.device != device:
        raise NoRoomError("A first sound had no room there.")


def _warm_up(generator: Generator, inbox: Inbox) -> None:
    """Make a first sound for nobody: it takes most of a second more, which is free until a wish."""
    recipe = Recipe("kick", seconds=SHORTEST_S, steps=1, seed=0)
    try:
        generator.generate(recipe, None, lambda step, steps: inbox.is_empty)
    except GenerationCancelled:
        pass  # a wish has come: it warms up by itself
    except Exception:
        LOG.exception("the first sound failed; the next one will say so")


def _work(wire: Wire, inbox: Inbox, generator: Generator, job: Job) -> None:
    """Make one sound and answer for it: whatever goes wrong with it is data, not an end."""

    def on_step(step: int, steps: int) -> bool:
        if inbox.keep_going:
            wire.send(Progress(job.number, step, steps))
        return inbox.keep_going

    def on_part(clip: Clip) -> None:
        if inbox.keep_going:
            _send_clip(wire, job, Begun(job.number, clip))

    try:
        made = generator.generate(job.request.recipe, job.request.source, on_step, on_part)
    except GenerationCancelled:
        wire.send(Cancelled(job.number))
    except BrokenPipeError:
        raise
    except PlayerError as error:
        wire.send(Failed(job.number, str(error)))
    except Exception as error:
        LOG.exception("job %d failed", job.number)
        wire.send(Failed(job.number, f"The sound could not be made ({_named(error)})."))
    else:
        # The app may have wished before it knew which model would make it.
        recipe = replace(made.recipe, model=generator.card.name)
        finished = Finished(job.number, recipe, made.clip, made.timing, made.notice)
        _send_clip(wire, job, finished)


def _send_clip(wire: Wire, job: Job, answer: Begun | Finished) -> None:
    if job.lane is None:
        wire.send(answer)
        return
    lane = Lane.attach(job.lane)
    try:
        wire.send(answer, lane)
    finally:
        lane.close()


def _follow(wire: Wire, inbox: Inbox) -> NoReturn:
    """Follow the app's requests (own thread); end the process with the app, even in mid-step."""
    try:
        while _obey(inbox, wire.receive(take_attached)):
            pass
    except (EOFError, OSError):
        pass  # the app has gone
    except BaseException:
        LOG.exception("a request could not be read")
    os._exit(0)


def _obey(inbox: Inbox, parcel: Parcel) -> bool:
    match parcel.message:
        case Generate() as request:
            inbox.add(Job(request, parcel.lane))
        case Cancel(number):
            inbox.cancel(number)
        case Stop():
            return False
        case _:
            LOG.error("not a request: %r", parcel.message)
    return True


def _let_the_app_go_first() -> None:
    """Lower the priority of every thread there is; on Windows the app starts this process lower."""
    if not hasattr(os, "setpriority"):
        return
    # On Linux a priority is a thread's own, and torch has made its threads by now.
    tasks = Path("/proc/self/task")
    threads = [int(task.name) for task in tasks.iterdir()] if tasks.is_dir() else [0]
    for thread in threads:
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            os.setpriority(os.PRIO_PROCESS, thread, _LOWER_PRIORITY)


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
