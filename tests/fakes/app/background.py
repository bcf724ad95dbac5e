"""Background and file writer without threads: the work is done when asked, on the test's thread.

The background answers by the main loop, never before `run` returns, as the real one does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from app.threads.background import Post, attempt
from app.threads.file_writer import attempt_write

Result = TypeVar("Result")


class BackgroundAtOnce:
    """Posts its answers; while they are `held` they wait for `let_go`."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self.held: list[Callable[[], None]] | None = None
        """A list: answers are held there until `let_go`."""

    def run(
        self,
        work: Callable[[], Result],
        done: Callable[[Result], object],
        failed: Callable[[str], object],
    ) -> None:
        outcome = attempt(work, done, failed)
        if self.held is None:
            self._post(outcome)
        else:
            self.held.append(outcome)

    def let_go(self) -> None:
        held, self.held = self.held or [], None
        for outcome in held:
            outcome()


class WriterAtOnce:
    def __init__(self) -> None:
        self.failed: list[tuple[Callable[[], None], Callable[[str | None], object]]] = []

    def write(
        self,
        work: Callable[[], None],
        done: Callable[[str | None], object],
        *,
        retry: bool = False,
    ) -> None:
        sentence = attempt_write(work)
        if sentence is not None and retry:
            self.failed.append((work, done))
        done(sentence)

    def try_again(self) -> None:
        failed, self.failed = self.failed, []
        for work, done in failed:
            self.write(work, done, retry=True)
