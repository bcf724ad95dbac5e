"""PadLights: a controller's pads show the state of Pingpad's pads.

The main thread sets the states; the rest runs on the outputs' thread. The messages for each
controller are in its map (presets/controllers, with sources).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from app.midi.messages.controller_map import (
    ControllerMap,
    LightMap,
    parse_hex_message,
    strip_alsa_number,
)
from app.midi.messages.pad_map import PadMap, make_chromatic_map
from app.midi.ports.shutdown_messages import ShutdownMessages
from app.model.kit import PADS

PadLight = Literal["empty", "ready", "playing", "pending", "generating", "locked", "failed"]

ALL_EMPTY: tuple[PadLight, ...] = tuple("empty" for _ in range(PADS))
FRAME_S = 1 / 30
"""No faster than a MIDI cable carries: 16 pads are 48 bytes, 15 ms of cable."""
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
"""For pads whose brightness or colour is the velocity of a note on channel 10: one velocity for
each state, higher for more activity."""


@dataclass(frozen=True, slots=True)
class LightSettings:
    """The outputs whose pads are lit, and the maps to use."""

    choice: str = AUTOMATIC
    """AUTOMATIC: every controller with a map. OFF. Else the name of one port, lit by GENERIC."""
    maps: tuple[ControllerMap, ...] = ()
    pad_map: PadMap = field(default_factory=make_chromatic_map)


@dataclass(slots=True)
class _LitOutput:
    """An open output with pad lights."""

    lights: LightMap
    notes: tuple[int, ...]
    shown: list[tuple[int, ...]]
    next_s: float = 0.0


class PadLights:
    """Sends changed lights, and restores every controller at the end; a `Sender`."""

    low_latency = False

    def __init__(
        self,
        playing: Callable[[int], float | None],
        arm_guard: Callable[[Sequence[ShutdownMessages]], None] = lambda shutdown_messages: None,
    ) -> None:
        """`playing` returns the position of a pad's voice, None when it is silent; any thread.

        `arm_guard` is called with the messages that restore the controllers, whenever they change.
        """
        self._playing = playing
        self._arm_guard = arm_guard
        self._settings = LightSettings()
        self._states: tuple[PadLight, ...] = ALL_EMPTY
        self._selected: dict[str, tuple[LightMap, tuple[int, ...]]] = {}
        self._lit: dict[str, _LitOutput] = {}

    # --- main thread ---

    def configure(self, settings: LightSettings) -> None:
        """Use these settings from the next scan of the outputs on."""
        self._settings = settings

    def set_states(self, states: Sequence[PadLight]) -> None:
        """Show these sixteen states; a pad that plays shows "playing" instead."""
        self._states = tuple(states)

    # --- the outputs' thread ---

    def select_outputs(self, names: Sequence[str]) -> frozenset[str]:
        """Return the outputs to light; one whose map changed is left out once, to restart it."""
        settings = self._settings
        found = {name: _find_lights(name, names, settings) for name in names}
        self._selected = {name: lights for name, lights in found.items() if lights is not None}
        return frozenset(
            name
            for name, (lights, notes) in self._selected.items()
            if name not in self._lit
            or (self._lit[name].lights, self._lit[name].notes) == (lights, notes)
        )

    def start(self, name: str) -> Iterable[bytes]:
        """Return the message that enters the controller's programmer mode."""
        lights, notes = self._selected[name]
        self._lit[name] = _LitOutput(lights, notes, [()] * PADS)
        self._update_guard()
        enter = parse_hex_message(lights.enter, "enter")
        return [enter] if enter else []

    def poll(self, name: str, now_s: float) -> Iterable[bytes]:
        """Return a message for each pad whose light changed."""
        lit = self._lit[name]
        if now_s < lit.next_s:
            return []
        lit.next_s = now_s + FRAME_S
        messages = []
        for pad, state in enumerate(self._states):
            light: PadLight = state if self._playing(pad) is None else "playing"
            code: tuple[int, ...] = getattr(lit.lights, light)
            if code != lit.shown[pad]:
                messages.append(_make_note(code, lit.notes[pad]))
                lit.shown[pad] = code
        return messages

    def stop(self, name: str) -> Iterable[bytes]:
        """Return the messages that turn the lights off and leave programmer mode."""
        lit = self._lit.pop(name)
        self._update_guard()
        return _make_shutdown_messages(lit)

    def _update_guard(self) -> None:
        self._arm_guard(
            [
                ShutdownMessages(name, _make_shutdown_messages(lit))
                for name, lit in self._lit.items()
            ]
        )


def _find_lights(
    name: str, names: Sequence[str], settings: LightSettings
) -> tuple[LightMap, tuple[int, ...]] | None:
    """Return the light map and pad notes of an output; None when it is not lit.

    A map lists parts of port names, the preferred one first: only the ports that match the first
    part with a match are lit; a controller's other ports are meant for other programs.
    """
    if settings.choice != AUTOMATIC:
        return (
            (GENERIC, settings.pad_map.notes)
            if strip_alsa_number(name) == settings.choice
            else None
        )
    for controller in settings.maps:
        if controller.lights is None:
            continue
        ports = controller.ports
        part = next((part for part in ports if any(part in other for other in names)), None)
        if part is not None and part in name:
            return controller.lights, controller.notes
    return None


def _make_note(code: tuple[int, ...], note: int) -> bytes:
    return bytes((code[0], note, code[1]))


def _make_shutdown_messages(lit: _LitOutput) -> list[bytes]:
    off = [_make_note(lit.lights.empty, note) for note in lit.notes]
    leave = parse_hex_message(lit.lights.leave, "leave")
    return [*off, leave] if leave else off
