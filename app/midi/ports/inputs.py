"""MidiInputs: opens, names, watches and polls MIDI inputs.

Everything runs on one thread, which polls: rtmidi's callbacks wait for the interpreter lock on the
driver's thread, which made JACK drop blocks.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.audio.devices import realtime_priority
from app.midi.messages.message import TICK
from app.midi.ports.duplicate_filter import DuplicateFilter
from app.midi.ports.system import (
    CLIENT_NAME,
    IGNORED_PORTS,
    NO_SYSTEM,
    RESCAN_S,
    MidiInput,
    MidiSystem,
    MidiUnavailableError,
    RtMidiConnector,
)

TICK_DATA = bytes([TICK])
POLL_S = 0.0007
"""Shorter than a block of 64 frames at 48 kHz, and still under 1 % of a core."""

MAX_PER_POLL = 256
"""Messages read from one port at a time, so that a flood does not starve the others."""


SWITCH_INTERVAL_S = 0.0005
"""sys.setswitchinterval: with the default of 5 ms, while a window repaints, 1 poll in 100 came
4.5 ms late; with this 1.1 ms."""

NO_PORTS = "No MIDI pads are plugged in. Plug one in; Pingpad finds it."

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MidiState:
    """The open inputs, and a message for the player if something is wrong, else "".

    `dropped` counts the messages lost since the start.
    """

    ports: tuple[str, ...]
    message: str
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class _PortId:
    """A port's name, and its number among the ports of that name, from 0."""

    name: str
    number: int


class MidiInputs:
    """Keeps every input open, including those plugged in while it runs."""

    def __init__(
        self,
        on_message: Callable[[bytes, float, str], None],
        on_change: Callable[[MidiState], None],
        connect: Callable[[], MidiSystem] | None = None,
    ) -> None:
        """Both callbacks run on the MIDI thread; `connect` opens the MIDI system."""
        self._on_message = on_message
        self._on_change = on_change
        self._connect = connect or RtMidiConnector()
        self._system: MidiSystem | None = None
        self._open: dict[_PortId, MidiInput] = {}
        self._own: MidiInput | None = None
        self._dropped = 0
        """Messages lost on ports that are closed by now."""
        self._duplicates = DuplicateFilter()
        self._state: MidiState | None = None
        self._stop_requested = threading.Event()
        self._thread = threading.Thread(target=self._run, name="midi", daemon=True)
        self.faults = 0
        """Unexpected exceptions while reading or handling messages; the thread survives each."""

    def start(self) -> None:
        """Start the thread; it reports its first state soon."""
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_INTERVAL_S))
        self._thread.start()

    def stop(self, timeout_s: float = 3.0) -> None:
        """Close all ports and end the thread."""
        self._stop_requested.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    # --- on the MIDI thread ---

    def _run(self) -> None:
        next_scan_s = 0.0
        while not self._stop_requested.is_set():
            if time.monotonic() >= next_scan_s:
                # Scans are slow and may compile: only the polls get real-time priority.
                realtime_priority.lower_priority()
                self._scan()
                next_scan_s = time.monotonic() + RESCAN_S
                realtime_priority.raise_priority()
            self._poll()
            time.sleep(POLL_S)
        realtime_priority.lower_priority()
        self._close_all()

    def _poll(self) -> None:
        if self._own is not None:
            self._read_all(self._own, CLIENT_NAME, own=True)
        for key, port in tuple(self._open.items()):
            self._read_all(port, key.name, own=False)

    def _read_all(self, port: MidiInput, name: str, *, own: bool) -> None:
        try:
            for _ in range(MAX_PER_POLL):
                data = port.read()
                if data is None:
                    return
                time_s = time.perf_counter() if port.time_s is None else port.time_s
                # Clock is followed on one port only, and ticks would push notes out of the filter.
                if data == TICK_DATA or not self._duplicates.is_duplicate(data, time_s, own=own):
                    self._on_message(data, time_s, name)
        except Exception:
            # An unplugged port, or a bug of ours, must not end the thread that plays.
            self.faults += 1

    def _scan(self) -> None:
        errors: list[str] = []
        try:
            if self._system is None:
                self._system = self._connect()
                self._own = self._system.open_virtual_input()
            self._update_ports(self._system, errors)
        except MidiUnavailableError:
            self._close_all()
            errors = [NO_SYSTEM]
        except Exception:
            log.exception("Scanning for MIDI inputs failed")
            self._close_all()
            errors = ["MIDI failed; see the log file. Pingpad keeps trying."]
        self._report(errors)

    def _update_ports(self, system: MidiSystem, errors: list[str]) -> None:
        present: dict[_PortId, int] = {}
        seen: dict[str, int] = {}
        for index, name in enumerate(system.list_inputs()):
            if CLIENT_NAME in name or any(part in name for part in IGNORED_PORTS):
                continue
            number = seen.get(name, 0)
            seen[name] = number + 1
            present[_PortId(name, number)] = index
        gone = {key.name for key in self._open if key not in present}
        for key in [key for key in self._open if key.name in gone]:
            self._close(self._open.pop(key))
        if any(key.name in gone for key in present):
            # Of two ports with the same name it is unknown which one was unplugged, and which notes
            # it held: report neither for a moment, so that all held notes are released.
            self._report(errors)
        for key, index in present.items():
            if key not in self._open:
                try:
                    self._open[key] = system.open_input(index, key.name)
                except MidiUnavailableError as error:
                    errors.append(f"{key.name} could not be opened ({error}).")

    def _report(self, errors: list[str]) -> None:
        names = tuple(key.name for key in self._open)
        message = " ".join(errors) if errors or names else NO_PORTS
        ports = [*self._open.values(), *([self._own] if self._own is not None else [])]
        dropped = self._dropped + sum(port.dropped for port in ports)
        state = MidiState(names, message, dropped)
        if state != self._state:
            self._state = state
            self._on_change(state)

    def _close_all(self) -> None:
        for port in self._open.values():
            self._close(port)
        self._open.clear()
        if self._own is not None:
            self._close(self._own)
            self._own = None
        if self._system is not None:
            self._system.close()
            self._system = None

    def _close(self, port: MidiInput) -> None:
        port.close()
        self._dropped += port.dropped
