"""Lights: a controller's pads show what Pingpad's pads do.

The main thread says how the pads stand; the rest runs on the outputs' thread. What each controller
is sent stands in its map (presets/controllers, with the sources).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from app.midi.messages.controller_map import ControllerMap, LightMap, hex_message, known_name
from app.midi.messages.pad_map import PADS, PadMap, chromatic
from app.midi.ports.crash_guard import CrashGuard
from app.midi.ports.farewell import Farewell

Light = Literal["empty", "ready", "playing", "pending", "generating", "locked", "failed"]

DARK: tuple[Light, ...] = tuple("empty" for _ in range(PADS))
FRAME_S = 1 / 30
"""No faster than eyes see and a MIDI cable carries: 16 pads are 48 bytes, 15 ms of cable."""
AUTOMATIC, OFF = "automatic", "off"

GENERIC = LightMap(
    empty=(0x99, 0),
    ready=(0x99, 24),
    playing=(0x99, 127),
    pending=(0x99, 48),
    generating=(0x99, 72),
    locked=(0x99, 12),
    failed=(0x99, 5),
)
"""For pads that are as bright, or of the colour, as a note's velocity on channel 10 says: each
state has a velocity of its own, brighter the more is going on."""


@dataclass(frozen=True, slots=True)
class LightRules:
    """Which outputs are lit, and by which maps."""

    choice: str = AUTOMATIC
    """AUTOMATIC: the controllers there are maps for. OFF. Else one port, lit by GENERIC."""
    maps: tuple[ControllerMap, ...] = ()
    pad_map: PadMap = field(default_factory=chromatic)


@dataclass(slots=True)
class _Lit:
    """An output that is lit."""

    lights: LightMap
    notes: tuple[int, ...]
    shown: list[tuple[int, ...]]
    next_s: float = 0.0


class Lights:
    """Sends what changed, and leaves every controller as it found it."""

    hurried = False

    def __init__(
        self, playing: Callable[[int], float | None], guard: CrashGuard | None = None
    ) -> None:
        """`playing` says where a pad's voice is, None when it is silent; any thread."""
        self._playing = playing
        self._guard = guard
        self._rules = LightRules()
        self._states: tuple[Light, ...] = DARK
        self._wanted: dict[str, tuple[LightMap, tuple[int, ...]]] = {}
        self._lit: dict[str, _Lit] = {}

    # --- main thread ---

    def use(self, rules: LightRules) -> None:
        """Light by other rules; counts when the outputs are looked at again."""
        self._rules = rules

    def show(self, states: Sequence[Light]) -> None:
        """Show these sixteen states; "playing" comes by itself."""
        self._states = tuple(states)

    # --- the outputs' thread ---

    def wanted(self, names: Sequence[str]) -> frozenset[str]:
        """Return which outputs are to be lit; those whose rules changed are let go first."""
        rules = self._rules
        found = {name: _lights_of(name, names, rules) for name in names}
        self._wanted = {name: lights for name, lights in found.items() if lights is not None}
        return frozenset(
            name
            for name, (lights, notes) in self._wanted.items()
            if name not in self._lit
            or (self._lit[name].lights, self._lit[name].notes) == (lights, notes)
        )

    def begin(self, name: str) -> Iterable[bytes]:
        """Return what makes the controller listen."""
        lights, notes = self._wanted[name]
        self._lit[name] = _Lit(lights, notes, [()] * PADS)
        self._tell_guard()
        enter = hex_message(lights.enter, "enter")
        return [enter] if enter else []

    def due(self, name: str, now_s: float) -> Iterable[bytes]:
        """Return a message for each pad whose light is another than was shown."""
        lit = self._lit[name]
        if now_s < lit.next_s:
            return []
        lit.next_s = now_s + FRAME_S
        messages = []
        for pad, state in enumerate(self._states):
            light: Light = state if self._playing(pad) is None else "playing"
            wanted: tuple[int, ...] = getattr(lit.lights, light)
            if wanted != lit.shown[pad]:
                messages.append(_message(wanted, lit.notes[pad]))
                lit.shown[pad] = wanted
        return messages

    def end(self, name: str) -> Iterable[bytes]:
        """Return what darkens the pads and gives the controller back."""
        lit = self._lit.pop(name)
        self._tell_guard()
        return _farewell(lit)

    def _tell_guard(self) -> None:
        if self._guard is not None:
            self._guard.promise([Farewell(name, _farewell(lit)) for name, lit in self._lit.items()])


def _lights_of(
    name: str, names: Sequence[str], rules: LightRules
) -> tuple[LightMap, tuple[int, ...]] | None:
    """Return how an output is lit, and its pads' notes; None when it is not.

    Of a controller's ports only those that the first fitting part of its map names are lit: the
    others are for other programs.
    """
    if rules.choice != AUTOMATIC:
        return (GENERIC, rules.pad_map.notes) if known_name(name) == rules.choice else None
    for one in rules.maps:
        if one.lights is None:
            continue
        part = next((part for part in one.ports if any(part in other for other in names)), None)
        if part is not None and part in name:
            return one.lights, one.notes
    return None


def _message(light: tuple[int, ...], note: int) -> bytes:
    return bytes((light[0], note, light[1]))


def _farewell(lit: _Lit) -> list[bytes]:
    dark = [_message(lit.lights.empty, note) for note in lit.notes]
    leave = hex_message(lit.lights.leave, "leave")
    return [*dark, leave] if leave else dark
