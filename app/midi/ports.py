"""MidiPorts: opens, names, watches and polls MIDI inputs. The only module that imports rtmidi.

Everything here runs on one thread of its own. It polls: rtmidi's callbacks wait for the
interpreter lock inside the driver's thread, which made JACK drop blocks.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import rtmidi

from app.midi.echoes import Echoes

CLIENT_NAME = "Pingpad"
POLL_S = 0.0007
"""Shorter than a block of 64 frames at 48 kHz, and still under 1 % of a core."""
RESCAN_S = 1.0
MOST_PER_POLL = 256
"""One flooding port must not keep the others from being heard."""
NOT_OURS = ("Midi Through",)
"""ALSA's loop-through port would play everything twice."""

NO_SYSTEM = (
    "MIDI is not available on this computer: there is no ALSA sequencer and no JACK server. "
    "Load the snd-seq module or start JACK; Pingpad finds it."
)
NO_PORTS = "No MIDI pads are plugged in. Plug one in; Pingpad finds it."

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MidiState:
    """The open inputs, and what is wrong and what to do ("" when fine)."""

    ports: tuple[str, ...]
    message: str


class MidiUnavailableError(Exception):
    """There is no MIDI system, or it refused a port; the text says why."""


class MidiInput(Protocol):
    """One open input."""

    def read(self) -> bytes | None:
        """Return the next message, or None when there is none; never waits."""
        ...

    def close(self) -> None:
        """Let go of it; safe when it is gone already."""
        ...


class MidiSystem(Protocol):
    """ALSA, JACK, CoreMIDI or Windows, or a fake. Every method may raise MidiUnavailableError."""

    def names(self) -> list[str]:
        """Names of the inputs that can be opened, in the system's order; names may repeat."""
        ...

    def open(self, index: int, name: str) -> MidiInput:
        """Open the input at that place of `names()`, if it still has that name."""
        ...

    def open_own(self) -> MidiInput | None:
        """Open an input of our own that others can connect to; None where that is unknown."""
        ...

    def close(self) -> None:
        """Let go of the system."""
        ...


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
        self._echoes = Echoes()
        self._state: MidiState | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="midi", daemon=True)
        self.faults = 0
        """Messages or ports that failed in a way nobody foresaw; each one is survived."""

    def start(self) -> None:
        """Start the thread; the first change comes soon."""
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
                self._scan()
                next_scan_s = time.monotonic() + RESCAN_S
            self._poll()
            time.sleep(POLL_S)
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
                time_s = time.perf_counter()
                if not self._echoes.is_echo(data, time_s, own=own):
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
        for key in [key for key in self._open if key not in present]:
            self._open.pop(key).close()
        for key, index in present.items():
            if key not in self._open:
                try:
                    self._open[key] = system.open(index, key.name)
                except MidiUnavailableError as error:
                    trouble.append(f"{key.name} could not be opened ({error}).")

    def _tell(self, trouble: list[str]) -> None:
        names = tuple(key.name for key in self._open)
        message = " ".join(trouble) if trouble or names else NO_PORTS
        state = MidiState(names, message)
        if state != self._state:
            self._state = state
            self._on_change(state)

    def _let_go(self) -> None:
        for port in self._open.values():
            port.close()
        self._open.clear()
        if self._own is not None:
            self._own.close()
            self._own = None
        if self._system is not None:
            self._system.close()
            self._system = None


# --- rtmidi ---


class RtMidiConnector:
    """Opens the first of the system's MIDI interfaces that works."""

    def __init__(self) -> None:
        self._tried = False

    def __call__(self) -> MidiSystem:
        """Return it, or raise MidiUnavailableError with what to do."""
        # A failing try prints three lines from inside the drivers: once is enough, so later
        # tries wait until there is something to be found.
        if self._tried and sys.platform == "linux" and not _linux_has_midi():
            raise MidiUnavailableError(NO_SYSTEM)
        self._tried = True
        for api in _interfaces():
            try:
                return RtMidiSystem(api)
            except MidiUnavailableError as error:
                log.info("%s", error)
        raise MidiUnavailableError(NO_SYSTEM)


class RtMidiSystem:
    """One of rtmidi's interfaces."""

    def __init__(self, api: int) -> None:
        self._api = api
        self._list = self._client()
        self._server = _jack_server() if api == rtmidi.API_UNIX_JACK else None

    def names(self) -> list[str]:
        """Names of the inputs that can be opened."""
        # A client whose JACK server ended lists no ports and never hears of the next server.
        if self._server is not None and _jack_server() != self._server:
            raise MidiUnavailableError("the JACK server ended")
        try:
            return [str(name) for name in self._list.get_ports()]
        except (rtmidi.SystemError, RuntimeError, ValueError) as error:
            raise MidiUnavailableError(str(error)) from error

    def open(self, index: int, name: str) -> MidiInput:
        """Open the input at that place of `names()`, if it still has that name."""
        client = self._client()
        try:
            if client.get_port_name(index) != name:
                raise RuntimeError("it has just been pulled out")
            client.open_port(index, "in")
        except (rtmidi.SystemError, RuntimeError, ValueError, TypeError) as error:
            client.delete()
            raise MidiUnavailableError(str(error)) from error
        return RtMidiInput(client)

    def open_own(self) -> MidiInput | None:
        """Open the port "Pingpad" for others to connect to; Windows knows no such thing."""
        if self._api == rtmidi.API_WINDOWS_MM:
            return None
        client = self._client()
        try:
            client.open_virtual_port(CLIENT_NAME)
        except (rtmidi.SystemError, RuntimeError, NotImplementedError) as error:
            client.delete()
            log.info("no port of our own: %s", error)
            return None
        return RtMidiInput(client)

    def close(self) -> None:
        """Let go of the client that lists ports."""
        self._list.delete()

    def _client(self) -> rtmidi.MidiIn:
        try:
            client = rtmidi.MidiIn(self._api, name=CLIENT_NAME)
        except rtmidi.SystemError as error:
            raise MidiUnavailableError(str(error)) from error
        # Clock and active sensing would wake us for nothing; system exclusive is not for pads.
        client.ignore_types(sysex=True, timing=True, active_sense=True)
        return client


class RtMidiInput:
    """One open rtmidi port."""

    def __init__(self, client: rtmidi.MidiIn) -> None:
        self._client = client

    def read(self) -> bytes | None:
        """Return the next message, or None."""
        event = self._client.get_message()
        return None if event is None else bytes(event[0])

    def close(self) -> None:
        """Close and free it."""
        self._client.close_port()
        self._client.delete()


def _interfaces() -> list[int]:
    compiled = [int(api) for api in rtmidi.get_compiled_api()]
    if sys.platform == "linux":
        # ALSA is where hardware is; JACK where there is a server and no sequencer.
        order = [rtmidi.API_LINUX_ALSA, rtmidi.API_UNIX_JACK]
        return [api for api in order if api in compiled]
    native = [rtmidi.API_MACOSX_CORE, rtmidi.API_WINDOWS_MM]
    return [api for api in native if api in compiled]


def _linux_has_midi() -> bool:
    return Path("/dev/snd/seq").exists() or _jack_server() is not None


def _jack_server() -> int | None:
    """Return what tells one run of the JACK server from the next; None when none is seen."""
    name = os.environ.get("JACK_DEFAULT_SERVER", "default")
    sockets = sorted(Path("/dev/shm").glob(f"jack_{name}_*"))
    try:
        return sockets[0].stat().st_ctime_ns if sockets else None
    except FileNotFoundError:
        return None
