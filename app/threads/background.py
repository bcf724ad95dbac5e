"""Background: a thread for work that would block the window (reading files, resampling)."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Protocol, TypeVar

from app.errors import reason
from engine.errors import PlayerError

Result = TypeVar("Result")
Post = Callable[[Callable[[], None]], None]
"""Runs a callable on the main thread, later and in order; callable from any thread."""

log = logging.getLogger(__name__)


class Background(Protocol):
    """Runs work off the main thread and passes the result back to it."""

    def run(
        self,
        work: Callable[[], Result],
        done: Callable[[Result], object],
        failed: Callable[[str], object],
    ) -> None:
        """Call `work` off the main thread, then `done(result)` or `failed(sentence)` on it."""
        ...


class BackgroundThread:
    """Background on one thread, in the order given."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._follow, name="background", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Stop after the current work; queued work is dropped."""
        self._queue.put(None)
        self._thread.join(timeout_s)

    def run(
        self,
        work: Callable[[], Result],
        done: Callable[[Result], object],
        failed: Callable[[str], object],
    ) -> None:
        """Call `work` on the thread, then `done(result)` or `failed(sentence)` on the main one."""

        def job() -> None:
            outcome = attempt(work, done, failed)
            self._post(outcome)

        self._queue.put(job)

    def _follow(self) -> None:
        while (job := self._queue.get()) is not None:
            job()


def attempt(
    work: Callable[[], Result],
    done: Callable[[Result], object],
    failed: Callable[[str], object],
) -> Callable[[], None]:
    """Do the work now; return the callback to run on the main thread."""
    try:
        result = work()
    except PlayerError as error:
        sentence = str(error)
        return lambda: _call(failed, sentence)
    except OSError as error:
        sentence = f"That did not work: {reason(error)}."
        return lambda: _call(failed, sentence)
    except Exception:
        # A bug must reach the player and the log: otherwise a pad would wait for ever.
        log.exception("Background work failed")
        return lambda: _call(failed, "That did not work; see the log file.")
    return lambda: _call(done, result)


def _call(then: Callable[[Result], object], value: Result) -> None:
    then(value)
