"""PadLearner: press your lowest pad, and Pingpad finds which notes the others send. Main thread."""

from __future__ import annotations

import time
from collections.abc import Callable

from app.actions.midi.learn_control import Catches
from app.actions.midi.setup import MidiSetup
from app.midi.messages.pad_map import PADS, PadMap, make_chromatic_map
from app.model.event import Event
from app.model.session import Session

TIME_OUT_S = 10.0
YOUR_PADS = "My pads"


class PadLearner:
    """Asks for pads from the lowest up, until only one known map fits what was pressed.

    Mostly that is one press. Where no known map fits, all sixteen are asked for.
    """

    def __init__(
        self,
        session: Session,
        setup: MidiSetup,
        router: Catches,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._setup = setup
        self._router = router
        self.now = now
        self._until_s = 0.0
        self.every_pad = False
        """All sixteen are asked for, whatever they seem to be."""
        self.changed: Event[()] = Event()
        self.notes: tuple[int, ...] | None = None
        """What was pressed so far; None while nobody asks."""

    @property
    def question(self) -> str:
        """What the player is asked to do; "" while nobody asks."""
        if self.notes is None:
            return ""
        if not self.notes:
            return "Press your lowest pad, at the bottom left"
        return f"Press pad {len(self.notes) + 1} of 16, rows go up from the bottom left"

    def start(self, *, every_pad: bool = False) -> None:
        """Ask for the lowest pad; with `every_pad` for all sixteen, whatever they seem to be."""
        self.every_pad = every_pad
        self.notes = ()
        self._wait()
        self._router.learn("pad")
        self.changed.emit()

    def cancel(self) -> None:
        """Ask no more; nothing changes."""
        if self.notes is not None:
            self._end()

    def tick(self) -> None:
        """End what lasts too long; to be called a few times a second."""
        if self.notes is not None and self.now() >= self._until_s:
            self._end()
            self._session.notify(
                f"No pad was pressed within {TIME_OUT_S:g} s; the notes stay as they are.",
                "warning",
            )

    def caught(self, note: int) -> None:
        """Take a note that was pressed; the same pad again is not taken twice."""
        if self.notes is None or note in self.notes:
            return
        self.notes = (*self.notes, note)
        self._wait()
        fitting = {} if self.every_pad else self._fitting()
        if len(fitting) == 1 or (fitting and len(self.notes) == PADS):
            name, found = next(iter(fitting.items()))
            self._take(found, name or None)
        elif len(self.notes) == PADS:
            self._take(PadMap(YOUR_PADS, self.notes), None)
        else:
            self.changed.emit()

    def _fitting(self) -> dict[str, PadMap]:
        """Return the maps that begin as was pressed, by name; "" is sixteen notes in a row."""
        assert self.notes
        maps = dict(self._setup.pad_maps.maps)
        first = self.notes[0]
        if first <= 128 - PADS and all(one.notes[:1] != (first,) for one in _rows(maps)):
            maps[""] = make_chromatic_map(first)
        count = len(self.notes)
        return {name: one for name, one in maps.items() if one.notes[:count] == self.notes}

    def _take(self, found: PadMap, name: str | None) -> None:
        self._end()
        self._setup.use_pads(found, name)
        first, last = found.note(0), found.note(PADS - 1)
        self._session.notify(f"Your pads: {found.name}. Pad 1 is note {first}, pad 16 note {last}.")

    def _wait(self) -> None:
        self._until_s = self.now() + TIME_OUT_S

    def _end(self) -> None:
        self.notes = None
        self._router.learn()
        self.changed.emit()


def _rows(maps: dict[str, PadMap]) -> list[PadMap]:
    """Return the maps that are sixteen notes in a row."""
    return [one for one in maps.values() if one.notes == chromatic_from(one)]


def chromatic_from(one: PadMap) -> tuple[int, ...]:
    """Return sixteen notes in a row from the map's first."""
    return tuple(range(one.notes[0], one.notes[0] + PADS))
