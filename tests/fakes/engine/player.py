"""A player of real engine processes that hold a fake generator."""

from __future__ import annotations

import queue
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from engine.api import Answer, Cancelled, Failed, Finished
from engine.process.client import EngineThread

FACTORY = "tests.fakes.engine.generator:load_generator"
PATIENCE_S = 60.0
AnswerT = TypeVar("AnswerT", bound=Answer)


class Player:
    """An engine thread and the answers it gave."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self.answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self.engine = EngineThread(
            self.answers.put, folder, threads=threads, factory=FACTORY, restart_waits_s=(0.0, 0.0)
        )
        self.engine.start()

    def wait(
        self, kind: type[AnswerT], that: Callable[[AnswerT], bool] = lambda _: True
    ) -> AnswerT:
        """Wait for an answer of a kind, forgetting those before it."""
        while True:
            answer = self.answers.get(timeout=PATIENCE_S)
            if isinstance(answer, kind) and that(answer):
                return answer

    def ends(self, jobs: set[int]) -> list[Finished | Failed | Cancelled]:
        """Wait until each of the jobs has ended; returns their ends in order."""
        ends: list[Finished | Failed | Cancelled] = []
        while jobs:
            answer = self.answers.get(timeout=PATIENCE_S)
            if isinstance(answer, Finished | Failed | Cancelled) and answer.job in jobs:
                jobs = jobs - {answer.job}
                ends.append(answer)
        return ends


def shared_memory_of(app: int) -> list[Path]:
    """What is left of a process's shared memory, where it can be seen (Linux)."""
    return list(Path("/dev/shm").glob(f"pingpad_{app}_*"))


def processes_of(folder: Path) -> list[int]:
    """The numbers of the engine processes that hold or load the model of a folder (Linux)."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = command.read_bytes().split(b"\0")
        except OSError:  # it has ended meanwhile
            continue
        if b"engine" in words and str(folder).encode() in words:
            found.append(int(command.parent.name))
    return found
