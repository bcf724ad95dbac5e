"""Background and file writer that do their work when asked, or when the test says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from app.errors import reason
from app.threads.background import attempt
from engine.errors import PlayerError

Result = TypeVar("Result")


class BackgroundAtOnce:
    def __init__(self) -> None:
        self.held: list[Callable[[], None]] | None = None
        """A list: work is held there until `let_go`."""

    def run(
        self,
        work: Callable[[], Result],
        done: Callable[[Result], object],
        failed: Callable[[str], object],
    ) -> None:
        outcome = attempt(work, done, failed)
        if self.held is None:
            outcome()
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
        sentence: str | None = None
        try:
            work()
        except PlayerError as error:
            sentence = str(error)
        except OSError as error:
            sentence = f"Writing to disk failed: {reason(error)}."
        if sentence is not None and retry:
            self.failed.append((work, done))
        done(sentence)

    def try_again(self) -> None:
        failed, self.failed = self.failed, []
        for work, done in failed:
            self.write(work, done, retry=True)
