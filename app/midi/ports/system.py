"""MidiSystem: MIDI by ALSA, JACK, CoreMIDI or Windows. The only module that imports rtmidi.

A system is used from the thread that opened it.
"""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Protocol

import rtmidi

from app.midi.ports.jack_input import JackInput, JackRefusedError, Libjack

CLIENT_NAME = "Pingpad"
IGNORED_PORTS = ("Midi Through",)
"""ALSA's loop-through port would play and send everything twice."""
RESCAN_S = 1.0
"""Interval of the scans for ports that come and go."""

NO_SYSTEM = (
    "No MIDI here: there is no ALSA sequencer and no JACK server. Load the snd-seq module or "
    "start JACK; Pingpad finds it."
)

LISTENS = 0x10000
"""Linux: the flag of a listening socket (__SO_ACCEPTCON)."""

log = logging.getLogger(__name__)


class MidiUnavailableError(Exception):
    """There is no MIDI system, or it refused a port; the message says why."""


class MidiInput(Protocol):
    """One open input."""

    time_s: float | None
    """When the message read last arrived (time.perf_counter); None where that is unknown."""

    @property
    def dropped(self) -> int:
        """Messages that were lost because they were not read in time, as far as that is known."""
        ...

    def read(self) -> bytes | None:
        """Return the next message, or None; never waits."""
        ...

    def close(self) -> None:
        """Close it; safe when it is gone already."""
        ...


class MidiOutput(Protocol):
    """One open output."""

    def send(self, data: bytes) -> None:
        """Send one message; may wait for a slow cable. Raises MidiUnavailableError when gone."""
        ...

    def close(self) -> None:
        """Close it; safe when it is gone already."""
        ...


class MidiSystem(Protocol):
    """ALSA, JACK, CoreMIDI or Windows, or a fake. Every method may raise MidiUnavailableError."""

    def list_inputs(self) -> list[str]:
        """List the inputs that can be opened, in the system's order; names may repeat."""
        ...

    def open_input(self, index: int, name: str) -> MidiInput:
        """Open the input at that index of `list_inputs()`, if it still has that name."""
        ...

    def open_virtual_input(self) -> MidiInput | None:
        """Open an input that other programs can connect to; None where that is not supported."""
        ...

    def list_outputs(self) -> list[str]:
        """List the outputs that can be opened, in the system's order; names may repeat."""
        ...

    def open_output(self, index: int, name: str) -> MidiOutput:
        """Open the output at that index of `list_outputs()`, if it still has that name."""
        ...

    def close(self) -> None:
        """Close the system."""
        ...


class RtMidiConnector:
    """Opens the first of the system's MIDI interfaces that works."""

    def __init__(self) -> None:
        self._tried = False

    def __call__(self) -> MidiSystem:
        """Return the system, or raise MidiUnavailableError with advice for the player."""
        # On failure the drivers print three lines to the terminal; once is enough, so later
        # attempts are made only when there is something to open.
        if self._tried and sys.platform == "linux" and not _linux_has_midi():
            raise MidiUnavailableError(NO_SYSTEM)
        self._tried = True
        for api in _list_interfaces():
            try:
                return RtMidiSystem(api)
            except MidiUnavailableError as error:
                log.info("MIDI interface %d cannot be opened: %s", api, error)
        raise MidiUnavailableError(NO_SYSTEM)


class JackRuns:
    """Counts the systems with clients of each run of the JACK server. Any thread.

    The first client of a new run frees what libjack holds for all clients of the run before;
    closing one of those afterwards uses freed memory and crashes the process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users: Counter[int] = Counter()

    def enter(self, server: int | None) -> None:
        """Add a system; raises MidiUnavailableError while others have clients of another run."""
        with self._lock:
            if server is None or any(other != server for other in +self._users):
                raise MidiUnavailableError("the last JACK server's ports are still being closed")
            self._users[server] += 1

    def leave(self, server: int) -> None:
        """Remove a system."""
        with self._lock:
            self._users[server] -= 1


_JACK_RUNS = JackRuns()


class RtMidiSystem:
    """One of rtmidi's interfaces."""

    def __init__(self, api: int) -> None:
        self._api = api
        self._server: int | None = None
        if api == rtmidi.API_UNIX_JACK:
            server = _find_jack_server()
            _JACK_RUNS.enter(server)
            self._server = server
        self._output_list: rtmidi.MidiOut | None = None
        try:
            self._list = self._create_input_client()
        except MidiUnavailableError:
            self._leave()
            raise

    def list_inputs(self) -> list[str]:
        return self._list_ports(self._list)

    def list_outputs(self) -> list[str]:
        if self._output_list is None:
            self._output_list = self._create_output_client()
        return self._list_ports(self._output_list)

    def _list_ports(self, client: rtmidi.MidiIn | rtmidi.MidiOut) -> list[str]:
        # A client whose JACK server has ended lists no ports and never sees the next server.
        if self._server is not None and _find_jack_server() != self._server:
            raise MidiUnavailableError("the JACK server ended")
        try:
            return [str(name) for name in client.get_ports()]
        except (rtmidi.SystemError, RuntimeError, ValueError) as error:
            raise MidiUnavailableError(str(error)) from error

    def open_input(self, index: int, name: str) -> MidiInput:
        if self._api == rtmidi.API_UNIX_JACK:
            return _open_jack_input(name)
        client = self._create_input_client()
        _open(client, index, name, "in")
        return RtMidiInput(client)

    def open_output(self, index: int, name: str) -> MidiOutput:
        client = self._create_output_client()
        _open(client, index, name, "out")
        return RtMidiOutput(client)

    def open_virtual_input(self) -> MidiInput | None:
        if self._api == rtmidi.API_WINDOWS_MM:
            return None  # Windows has no virtual ports.
        if self._api == rtmidi.API_UNIX_JACK:
            return _open_jack_input(None)
        client = self._create_input_client()
        try:
            client.open_virtual_port(CLIENT_NAME)
        except (rtmidi.SystemError, RuntimeError, NotImplementedError) as error:
            client.delete()
            log.info("Cannot open a virtual MIDI port: %s", error)
            return None
        return RtMidiInput(client)

    def close(self) -> None:
        self._list.delete()
        if self._output_list is not None:
            self._output_list.delete()
        self._leave()

    def _leave(self) -> None:
        if self._server is not None:
            _JACK_RUNS.leave(self._server)
            self._server = None

    def _create_input_client(self) -> rtmidi.MidiIn:
        try:
            client = rtmidi.MidiIn(self._api, name=CLIENT_NAME)
        except rtmidi.SystemError as error:
            raise MidiUnavailableError(str(error)) from error
        # Active sensing would only cause wake-ups; pads need no system exclusive.
        client.ignore_types(sysex=True, timing=False, active_sense=True)
        return client

    def _create_output_client(self) -> rtmidi.MidiOut:
        try:
            return rtmidi.MidiOut(self._api, name=CLIENT_NAME)
        except rtmidi.SystemError as error:
            raise MidiUnavailableError(str(error)) from error


class RtMidiInput:
    """One open rtmidi port."""

    time_s: float | None = None
    dropped = 0
    """rtmidi does not count lost messages."""

    def __init__(self, client: rtmidi.MidiIn) -> None:
        self._client = client

    def read(self) -> bytes | None:
        event = self._client.get_message()
        return None if event is None else bytes(event[0])

    def close(self) -> None:
        self._client.close_port()
        self._client.delete()


class RtMidiOutput:
    """One open rtmidi port to send to."""

    def __init__(self, client: rtmidi.MidiOut) -> None:
        self._client = client

    def send(self, data: bytes) -> None:
        try:
            self._client.send_message(data)
        except (rtmidi.SystemError, RuntimeError, ValueError) as error:
            raise MidiUnavailableError(str(error)) from error

    def close(self) -> None:
        self._client.close_port()
        self._client.delete()


def _open_jack_input(source: str | None) -> MidiInput:
    """Open an input through the libjack that rtmidi is linked to, whose clients JackRuns counts."""
    try:
        return JackInput(Libjack(ctypes.CDLL(rtmidi._rtmidi.__file__)), CLIENT_NAME, source)
    except (JackRefusedError, OSError) as error:
        raise MidiUnavailableError(str(error)) from error


def _open(client: rtmidi.MidiIn | rtmidi.MidiOut, index: int, name: str, port: str) -> None:
    try:
        if client.get_port_name(index) != name:
            raise RuntimeError("it has just been pulled out")
        client.open_port(index, port)
    except (rtmidi.SystemError, RuntimeError, ValueError, TypeError) as error:
        client.delete()
        raise MidiUnavailableError(str(error)) from error


def _list_interfaces() -> list[int]:
    compiled = [int(api) for api in rtmidi.get_compiled_api()]
    if sys.platform == "linux":
        # Hardware is on ALSA; JACK is for machines with a server but no sequencer.
        order = [rtmidi.API_LINUX_ALSA, rtmidi.API_UNIX_JACK]
        return [api for api in order if api in compiled]
    native = [rtmidi.API_MACOSX_CORE, rtmidi.API_WINDOWS_MM]
    return [api for api in native if api in compiled]


def _linux_has_midi() -> bool:
    return Path("/dev/snd/seq").exists() or _find_jack_server() is not None


def _find_jack_server() -> int | None:
    """Return a number that differs between runs of the JACK server; None when no server runs.

    It is the inode of the socket the server listens on: a killed server leaves the socket's file
    behind, but not the socket.
    """
    start = f"/dev/shm/jack_{os.environ.get('JACK_DEFAULT_SERVER', 'default')}_"
    try:
        lines = Path("/proc/net/unix").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines[1:]:
        _, _, _, flags, _, _, inode, *path = line.split(maxsplit=7)
        if int(flags, 16) & LISTENS and path and path[0].startswith(start):
            return int(inode)
    return None
