"""MidiPorts: opens, names, watches and polls MIDI inputs.

Everything here runs on one thread of its own. It polls: rtmidi's callbacks wait for the
interpreter lock inside the driver's thread, which made JACK drop blocks.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.audio.devices import realtime_priority
from app.midi.messages.messages import TICK
from app.midi.ports.echoes import Echoes
from app.midi.ports.system import (
    CLIENT_NAME,
    NO_SYSTEM,
    MidiInput,
    MidiSystem,
    MidiUnavailableError,
    RtMidiConnector,
)

TICK_DATA = bytes([TICK])
POLL_S = 0.0007
"""Shorter than a block of 64 frames at 48 kHz, and still under 1 % of a core."""
RESCAN_S = 1.0
MOST_PER_POLL = 256
"""One flooding port must not keep the others from being heard."""
NOT_OURS = ("Midi Through",)
"""ALSA's loop-through port would play everything twice."""

HAND_OVER_S = 0.0005
"""How long a thread that needs the interpreter may be kept waiting by one that has it: with the
usual 5 ms, while a window repaints, 1 poll in 100 came 4.5 ms late; with this 1.1 ms."""

NO_PORTS = "No MIDI pads are plugged in. Plug one in; Pingpad finds it."

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MidiState:
    """The open inputs, and what is wrong and what to do ("" when fine).

    `dropped` messages were lost since the start.
    """

    ports: tuple[str, ...]
    message: str
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class _Key:
    """A port by name; the second of two alike has number 1."""

    name: str
    number: int


class MidiPorts:
    """All inputs, kept open: what is plugged in is found, what comes back is opened again."""

    def __init__(
        self,
        on_message: Callable[[bytes, float, str], None],
        on_change: Callable[[MidiState], None],
        connect: Callable[[], MidiSystem] | None = None,
    ) -> None:
        """Call both functions on the MIDI thread; `connect` opens the MIDI system."""
        self._on_message = on_message
        self._on_change = on_change
        self._connect = connect or RtMidiConnector()
        self._system: MidiSystem | None = None
        self._open: dict[_Key, MidiInput] = {}
        self._own: MidiInput | None = None
        self._dropped = 0
        """What ports lost that are closed by now."""
        self._echoes = Echoes()
        self._state: MidiState | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="midi", daemon=True)
        self.faults = 0
        """Messages or ports that failed in a way nobody foresaw; each one is survived."""

    def start(self) -> None:
        """Start the thread; the first change comes soon."""
        sys.setswitchinterval(min(sys.getswitchinterval(), HAND_OVER_S))
        self._thread.start()

    def stop(self, timeout_s: float = 3.0) -> None:
        """Close all ports and end the thread."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    # --- on the MIDI thread ---

    def _follow(self) -> None:
        next_scan_s = 0.0
        while not self._ending.is_set():
            if time.monotonic() >= next_scan_s:
                # A scan may take long, and compile; polls must come in time, and take nothing.
                realtime_priority.lower_priority()
                self._scan()
                next_scan_s = time.monotonic() + RESCAN_S
                realtime_priority.raise_priority()
            self._poll()
            time.sleep(POLL_S)
        realtime_priority.lower_priority()
        self._let_go()

    def _poll(self) -> None:
        if self._own is not None:
            self._read_all(self._own, CLIENT_NAME, own=True)
        for key, port in tuple(self._open.items()):
            self._read_all(port, key.name, own=False)

    def _read_all(self, port: MidiInput, name: str, *, own: bool) -> None:
        try:
            for _ in range(MOST_PER_POLL):
                data = port.read()
                if data is None:
                    return
                time_s = time.perf_counter() if port.time_s is None else port.time_s
                # A clock is followed on one port alone; here its ticks would crowd out the notes.
                if data == TICK_DATA or not self._echoes.is_echo(data, time_s, own=own):
                    self._on_message(data, time_s, name)
        except Exception:
            # A port pulled out, or a bug of ours, must not end the thread that plays.
            self.faults += 1

    def _scan(self) -> None:
        trouble: list[str] = []
        try:
            if self._system is None:
                self._system = self._connect()
                self._own = self._system.open_own()
            self._follow_names(self._system, trouble)
        except MidiUnavailableError:
            self._let_go()
            trouble = [NO_SYSTEM]
        except Exception:
            log.exception("looking for MIDI inputs failed")
            self._let_go()
            trouble = ["MIDI failed; the log file says more. Pingpad tries again."]
        self._tell(trouble)

    def _follow_names(self, system: MidiSystem, trouble: list[str]) -> None:
        present: dict[_Key, int] = {}
        seen: dict[str, int] = {}
        for index, name in enumerate(system.names()):
            if CLIENT_NAME in name or any(part in name for part in NOT_OURS):
                continue
            number = seen.get(name, 0)
            seen[name] = number + 1
            present[_Key(name, number)] = index
        gone = {key.name for key in self._open if key not in present}
        for key in [key for key in self._open if key.name in gone]:
            self._close(self._open.pop(key))
        if any(key.name in gone for key in present):
            # Of two alike nobody can say which one was pulled out, nor what it held: for a moment
            # there is none of them.
            self._tell(trouble)
        for key, index in present.items():
            if key not in self._open:
                try:
                    self._open[key] = system.open(index, key.name)
                except MidiUnavailableError as error:
                    trouble.append(f"{key.name} could not be opened ({error}).")

    def _tell(self, trouble: list[str]) -> None:
        names = tuple(key.name for key in self._open)
        message = " ".join(trouble) if trouble or names else NO_PORTS
        ports = [*self._open.values(), *([self._own] if self._own is not None else [])]
        dropped = self._dropped + sum(port.dropped for port in ports)
        state = MidiState(names, message, dropped)
        if state != self._state:
            self._state = state
            self._on_change(state)

    def _let_go(self) -> None:
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
