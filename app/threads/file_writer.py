"""FileWriter: a thread for all writes to disk, so that no other thread waits for the disk."""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from app.errors import reason
from app.threads.background import Post
from engine.clip import ClipError
from engine.errors import PlayerError

Done = Callable[[str | None], object]

RETRY_S = 5.0
"""Interval of retries, for example while the disk is full."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Write:
    work: Callable[[], None]
    done: Done
    retry: bool


class WritesFiles(Protocol):
    """The part of FileWriter that its users need."""

    def write(self, work: Callable[[], None], done: Done, *, retry: bool = False) -> None:
        """Do `work` on the writer's thread, then `done(None)` or `done(sentence)` on the main one.

        With `retry` failed work is repeated until it succeeds. Returns at once; any thread.
        """
        ...


class FileWriter:
    """Writes in the order given; writes that must not be lost are retried until they succeed."""

    def __init__(self, post: Post, retry_s: float = RETRY_S) -> None:
        self._post = post
        self._retry_s = retry_s
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._failed: deque[_Write] = deque()
        self._thread = threading.Thread(target=self._follow, name="file writer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def write(self, work: Callable[[], None], done: Done, *, retry: bool = False) -> None:
        """Do `work` on the thread, then `done(None)`, or `done(sentence)`, on the main thread.

        With `retry` failed work is repeated every few seconds until it succeeds, and `done` is
        called after each attempt. Returns at once; any thread.
        """
        self._queue.put(_Write(work, done, retry))

    def stop(self, timeout_s: float = 10.0) -> bool:
        """Finish the queue, retry failed writes once and stop; return whether all succeeded."""
        self._queue.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive() and not self._failed

    def _follow(self) -> None:
        while True:
            try:
                item = self._queue.get(timeout=self._retry_s if self._failed else None)
            except queue.Empty:
                self._try_again()
                continue
            if item is None:
                self._try_again()
                return
            self._try(item)

    def _try_again(self) -> None:
        waiting, self._failed = self._failed, deque()
        for item in waiting:
            self._try(item)

    def _try(self, item: _Write) -> None:
        sentence = attempt_write(item.work)
        if sentence is not None and item.retry:
            self._failed.append(item)
        done = item.done
        self._post(lambda: _call(done, sentence))


def attempt_write(work: Callable[[], None]) -> str | None:
    """Do the work now; return a sentence for the player if it failed, else None."""
    try:
        work()
    except (ClipError, OSError) as error:
        # A clip's error names a file that the player does not know; its cause gives the reason.
        why = error.__cause__ if isinstance(error.__cause__, OSError) else error
        return f"Writing to disk failed: {reason(why)}."
    except PlayerError as error:
        return str(error)
    except Exception:
        log.exception("A write failed")
        return "Writing to disk failed; see the log file."
    return None


def _call(done: Done, sentence: str | None) -> None:
    done(sentence)


class WriteNewest:
    """Writes one file that changes often: while a write is in progress only the newest is queued.

    Main thread only.
    """

    def __init__(self, writer: WritesFiles, failed: Callable[[str], object]) -> None:
        self._writer = writer
        self._failed = failed
        self._busy = False
        self._next: Callable[[], None] | None = None

    def write(self, work: Callable[[], None]) -> None:
        """Do `work`, unless newer work is queued before its turn, which then replaces it."""
        if self._busy:
            self._next = work
            return
        self._busy = True
        self._writer.write(work, self._done)

    def _done(self, sentence: str | None) -> None:
        self._busy = False
        if sentence is not None:
            self._failed(sentence)
        if self._next is not None:
            work, self._next = self._next, None
            self.write(work)
