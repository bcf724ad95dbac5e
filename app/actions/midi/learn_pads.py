"""PadLearner: learns which notes a controller's pads send. Main thread."""

from __future__ import annotations

import time
from collections.abc import Callable

from app.actions.midi.setup import MidiSetup
from app.midi.messages.pad_map import PadMap, make_chromatic_map
from app.midi.router import PadRouter
from app.model.event import Event
from app.model.kit import PADS
from app.model.session import Session

TIMEOUT_S = 10.0
MAP_NAME = "My pads"


class PadLearner:
    """Asks for pads from the lowest up, until exactly one known map matches.

    Usually a single press is enough. Where no known map matches, it asks for all sixteen.
    """

    def __init__(
        self,
        session: Session,
        setup: MidiSetup,
        router: PadRouter,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._setup = setup
        self._router = router
        self.now = now
        self._deadline_s = 0.0
        self.every_pad = False
        """Whether to ask for all sixteen pads, even where a known map matches."""
        self.changed: Event[()] = Event()
        self.notes: tuple[int, ...] | None = None
        """The notes pressed so far; None while not learning."""

    @property
    def question(self) -> str:
        """The instruction to the player; "" while not learning."""
        if self.notes is None:
            return ""
        if not self.notes:
            return "Press your lowest pad, at the bottom left"
        return f"Press pad {len(self.notes) + 1} of 16, rows go up from the bottom left"

    def start(self, *, every_pad: bool = False) -> None:
        """Ask for the lowest pad, or with `every_pad` for all sixteen."""
        self.every_pad = every_pad
        self.notes = ()
        self._restart_timeout()
        self._router.learn("pad")
        self.changed.emit()

    def cancel(self) -> None:
        """End learning; nothing changes."""
        if self.notes is not None:
            self._end()

    def tick(self) -> None:
        """End learning after the timeout; called twice a second."""
        if self.notes is not None and self.now() >= self._deadline_s:
            self._end()
            self._session.notify(
                f"No pad was pressed within {TIMEOUT_S:g} s; the notes stay as they are.",
                "warning",
            )

    def add_note(self, note: int) -> None:
        """Add a note that was pressed, unless it was pressed before."""
        if self.notes is None or note in self.notes:
            return
        self.notes = (*self.notes, note)
        self._restart_timeout()
        matching = {} if self.every_pad else self._find_matching()
        if len(matching) == 1 or (matching and len(self.notes) == PADS):
            name, found = next(iter(matching.items()))
            self._use(found, name or None)
        elif len(self.notes) == PADS:
            self._use(PadMap(MAP_NAME, self.notes), None)
        else:
            self.changed.emit()

    def _find_matching(self) -> dict[str, PadMap]:
        """Return the maps that begin with the notes, by name; "" is the chromatic one."""
        assert self.notes
        maps = dict(self._setup.pad_maps.maps)
        first = self.notes[0]
        starts = {chromatic.notes[0] for chromatic in _list_chromatic(maps)}
        if first <= 128 - PADS and first not in starts:
            maps[""] = make_chromatic_map(first)
        count = len(self.notes)
        return {name: found for name, found in maps.items() if found.notes[:count] == self.notes}

    def _use(self, found: PadMap, name: str | None) -> None:
        self._end()
        self._setup.use_pad_map(found, name)
        first, last = found.notes[0], found.notes[PADS - 1]
        self._session.notify(f"Your pads: {found.name}. Pad 1 is note {first}, pad 16 note {last}.")

    def _restart_timeout(self) -> None:
        self._deadline_s = self.now() + TIMEOUT_S

    def _end(self) -> None:
        self.notes = None
        self._router.learn()
        self.changed.emit()


def _list_chromatic(maps: dict[str, PadMap]) -> list[PadMap]:
    """Return the maps of sixteen consecutive notes."""
    return [
        found
        for found in maps.values()
        if found.notes == tuple(range(found.notes[0], found.notes[0] + PADS))
    ]
