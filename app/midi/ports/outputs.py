"""MidiOutputs: opens, watches and feeds MIDI outputs on a thread of its own.

Sending may wait for a slow cable, so it has no place on the thread that polls pads.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.midi.ports import farewell
from app.midi.ports.system import (
    CLIENT_NAME,
    MidiOutput,
    MidiSystem,
    MidiUnavailableError,
    RtMidiConnector,
)

RESCAN_S = 1.0
CLOCK_PAUSE_S = 0.001
PAUSE_S = 0.02
NOT_THERE = ("Midi Through",)

log = logging.getLogger(__name__)


class Sender(Protocol):
    """Somebody with something to send. Every method is called on the outputs' thread."""

    def wanted(self, names: Sequence[str]) -> frozenset[str]:
        """Return which of the outputs that are there it sends to."""
        ...

    def begin(self, name: str) -> Iterable[bytes]:
        """Return what an output is sent when it was opened."""
        ...

    def due(self, name: str, now_s: float) -> Iterable[bytes]:
        """Return what is to be sent now (time.perf_counter)."""
        ...

    def end(self, name: str) -> Iterable[bytes]:
        """Return what an output is sent before it is closed."""
        ...

    @property
    def hurried(self) -> bool:
        """Whether it counts in milliseconds."""
        ...


@dataclass(slots=True)
class _Line:
    port: MidiOutput
    senders: tuple[Sender, ...]


class MidiOutputs:
    """Outputs that somebody sends to are open; what comes back is opened again."""

    def __init__(
        self,
        senders: Sequence[Sender],
        on_change: Callable[[tuple[str, ...]], None],
        connect: Callable[[], MidiSystem] | None = None,
    ) -> None:
        """Call `on_change` on the thread with the names of all outputs that are there."""
        self._senders = tuple(senders)
        self._on_change = on_change
        self._connect = connect or RtMidiConnector()
        self._system: MidiSystem | None = None
        self._open: dict[str, _Line] = {}
        self._names: tuple[str, ...] | None = None
        self._ending = threading.Event()
        self._look_now = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="midi out", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def look(self) -> None:
        """Look at once who wants to send where: a choice changed."""
        self._look_now.set()

    def stop(self, timeout_s: float = 3.0) -> None:
        """Say goodbye to every controller, close and end."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    # --- on the thread ---

    def _follow(self) -> None:
        next_scan_s = 0.0
        while not self._ending.is_set():
            if time.monotonic() >= next_scan_s or self._look_now.is_set():
                self._look_now.clear()
                self._scan()
                next_scan_s = time.monotonic() + RESCAN_S
            self._feed()
            hurried = any(sender.hurried for line in self._open.values() for sender in line.senders)
            self._ending.wait(CLOCK_PAUSE_S if hurried else PAUSE_S)
        self._let_go()

    def _scan(self) -> None:
        try:
            if self._system is None:
                self._system = self._connect()
            self._follow_names(self._system)
        except MidiUnavailableError:
            self._let_go()
            self._tell(())
        except Exception:
            log.exception("looking for MIDI outputs failed")
            self._let_go()

    def _follow_names(self, system: MidiSystem) -> None:
        listed = system.output_names()
        count = Counter(listed)
        # Of two alike nobody can say which is meant.
        names = [
            name
            for name in listed
            if count[name] == 1
            and CLIENT_NAME not in name
            and not any(part in name for part in NOT_THERE)
        ]
        self._tell(tuple(names))
        wanted = {name: self._wanting(name, names) for name in names}
        for name in [name for name in self._open if self._open[name].senders != wanted.get(name)]:
            self._close(name)
        for name, senders in wanted.items():
            if senders and name not in self._open:
                self._open_one(system, listed.index(name), name, senders)

    def _wanting(self, name: str, names: Sequence[str]) -> tuple[Sender, ...]:
        return tuple(sender for sender in self._senders if name in sender.wanted(names))

    def _open_one(
        self, system: MidiSystem, index: int, name: str, senders: tuple[Sender, ...]
    ) -> None:
        try:
            port = system.open_output(index, name)
        except MidiUnavailableError as error:
            log.info("%s could not be opened: %s", name, error)
            return
        self._open[name] = _Line(port, senders)
        for sender in senders:
            self._send(name, sender.begin(name))

    def _feed(self) -> None:
        now_s = time.perf_counter()
        for name, line in tuple(self._open.items()):
            for sender in line.senders:
                self._send(name, sender.due(name, now_s))

    def _send(self, name: str, messages: Iterable[bytes]) -> None:
        line = self._open.get(name)
        if line is None:
            return
        try:
            for data in messages:
                line.port.send(data)
        except MidiUnavailableError as error:
            log.info("%s is gone: %s", name, error)
            self._open.pop(name)
            line.port.close()

    def _close(self, name: str) -> None:
        """Say goodbye; with care at the end, in passing while others wait for their clock."""
        line = self._open[name]
        messages = [data for sender in line.senders for data in sender.end(name)]
        if not self._ending.is_set():
            self._send(name, messages)
        else:
            try:
                farewell.say(line.port, messages)
            except MidiUnavailableError as error:
                log.info("%s is gone: %s", name, error)
        if self._open.pop(name, None) is not None:
            line.port.close()

    def _tell(self, names: tuple[str, ...]) -> None:
        if names != self._names:
            self._names = names
            self._on_change(names)

    def _let_go(self) -> None:
        for name in tuple(self._open):
            self._close(name)
        if self._system is not None:
            self._system.close()
            self._system = None
