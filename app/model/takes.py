"""Takes: the history of a pad's sounds, each with its recipe. Main thread only."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from engine.api import Recipe
from engine.clip import Clip

TakeKind = Literal["generated", "recorded", "dropped"]
TAKE_KINDS: tuple[TakeKind, ...] = ("generated", "recorded", "dropped")

MOST_TAKES = 64
"""Takes of a pad in memory: 64 sounds of 2 s are about 45 MB. Older ones are on disk only."""


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """A clip with its origin. Immutable, and never overwritten."""

    id: str
    """Unique over all sessions; letters and digits only."""
    clip: Clip
    kind: TakeKind
    recipe: Recipe | None
    """The recipe that reproduces it; None for a recording or a dropped file."""
    created: float
    """Seconds since 1970 (UTC)."""
    whole_ms: float | None
    """Measured time of its generation in ms; None if it was not generated."""
    name: str
    """Its name for the player: the prompt, "recording" or the dropped file's name."""


def new_take_id() -> str:
    """Return a new unique id."""
    return uuid.uuid4().hex[:16]


class Takes:
    """The takes of one pad, oldest first, one of which is the current one.

    Adding a take after an undo keeps the newer ones: no history is ever cut off.
    """

    def __init__(self, most: int = MOST_TAKES) -> None:
        self._items: list[Take] = []
        self._index: int | None = None
        self._most = most

    @property
    def items(self) -> tuple[Take, ...]:
        """All takes, oldest first."""
        return tuple(self._items)

    @property
    def index(self) -> int | None:
        """Index of the current take in `items`; None when there is none."""
        return self._index

    @property
    def current(self) -> Take | None:
        """The current take, which the pad plays once it is loaded."""
        return None if self._index is None else self._items[self._index]

    @property
    def can_undo(self) -> bool:
        """Whether there is an older take."""
        return self._index is not None and self._index > 0

    @property
    def can_redo(self) -> bool:
        """Whether there is a newer take."""
        return self._index is not None and self._index < len(self._items) - 1

    def find(self, take_id: str) -> Take | None:
        """Return the take of that id, or None."""
        return next((take for take in self._items if take.id == take_id), None)

    def add(self, take: Take, *, select: bool = True) -> None:
        """Append a take and, with `select`, make it the current one."""
        if self.find(take.id) is not None:
            raise ValueError(f"take {take.id} is already here")
        self._items.append(take)
        if select:
            self._index = len(self._items) - 1

    def select(self, index: int) -> Take:
        """Make the take at `index` (0 is the oldest) the current one."""
        if not 0 <= index < len(self._items):
            raise IndexError(f"take must be 0..{len(self._items) - 1}, got {index}")
        self._index = index
        return self._items[index]

    def previous(self) -> Take | None:
        """Go back one take and return it; None (and nothing changes) at the oldest."""
        if self._index is None or not self.can_undo:
            return None
        return self.select(self._index - 1)

    def next(self) -> Take | None:
        """Go forward one take and return it; None (and nothing changes) at the newest."""
        if self._index is None or not self.can_redo:
            return None
        return self.select(self._index + 1)

    def replace_all(self, takes: tuple[Take, ...], index: int | None) -> None:
        """Replace all takes, when a kit is opened."""
        if index is not None and not 0 <= index < len(takes):
            raise IndexError(f"take must be 0..{len(takes) - 1}, got {index}")
        self._items, self._index = list(takes), index

    def forget_oldest(self, is_saved: Callable[[Take], bool]) -> None:
        """Drop the oldest takes above the limit from memory, if they are on disk."""
        for take in self._items[: max(0, len(self._items) - self._most)]:
            if take is not self.current and is_saved(take):
                position = self._items.index(take)
                del self._items[position]
                if self._index is not None and position < self._index:
                    self._index -= 1
