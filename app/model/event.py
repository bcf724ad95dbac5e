"""Event: a signal with listeners, the model's replacement for Qt signals. Main thread only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVarTuple

Arguments = TypeVarTuple("Arguments")


class Event(Generic[*Arguments]):
    """Calls its listeners with the arguments of `emit`, in the order they were connected."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[*Arguments], object]] = []

    def connect(self, listener: Callable[[*Arguments], object]) -> Callable[[], None]:
        """Call `listener` on every emit; return a function that disconnects it (safe twice)."""
        self._listeners.append(listener)

        def disconnect() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return disconnect

    def emit(self, *arguments: *Arguments) -> None:
        """Call every listener that is still connected when its turn comes."""
        for listener in tuple(self._listeners):
            if listener in self._listeners:
                listener(*arguments)
