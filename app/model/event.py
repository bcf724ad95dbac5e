"""Event: one thing that happens, and who wants to hear of it. Main thread only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVarTuple

Arguments = TypeVarTuple("Arguments")


class Event(Generic[*Arguments]):
    """Calls its listeners, in the order they connected, with what happened."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[*Arguments], object]] = []

    def connect(self, listener: Callable[[*Arguments], object]) -> Callable[[], None]:
        """Call `listener` at every emit from now on; returns what ends that (safe twice)."""
        self._listeners.append(listener)

        def disconnect() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return disconnect

    def emit(self, *arguments: *Arguments) -> None:
        """Tell every listener that is still connected when its turn comes."""
        for listener in tuple(self._listeners):
            if listener in self._listeners:
                listener(*arguments)
