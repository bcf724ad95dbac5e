"""MidiOutputs: opens MIDI outputs and sends to them on a thread of its own.

Sending may block on a slow cable, so it must not happen on the thread that polls the inputs.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.midi.ports import shutdown_messages
from app.midi.ports.system import (
    CLIENT_NAME,
    IGNORED_PORTS,
    RESCAN_S,
    MidiOutput,
    MidiSystem,
    MidiUnavailableError,
    RtMidiConnector,
)

LOW_LATENCY_POLL_S = 0.001
POLL_S = 0.02


log = logging.getLogger(__name__)


class Sender(Protocol):
    """A source of outgoing messages. Every method is called on the outputs' thread."""

    def select_outputs(self, names: Sequence[str]) -> frozenset[str]:
        """Return the subset of the present outputs that it sends to."""
        ...

    def start(self, name: str) -> Iterable[bytes]:
        """Return the first messages for an output that has just been opened."""
        ...

    def poll(self, name: str, now_s: float) -> Iterable[bytes]:
        """Return the messages that are due at `now_s` (time.perf_counter)."""
        ...

    def stop(self, name: str) -> Iterable[bytes]:
        """Return the last messages for an output, before it is closed."""
        ...

    @property
    def low_latency(self) -> bool:
        """Whether it is polled every millisecond."""
        ...


@dataclass(slots=True)
class _OpenPort:
    port: MidiOutput
    senders: tuple[Sender, ...]


class MidiOutputs:
    """Keeps the outputs open that a sender selects, and reopens them when they come back."""

    def __init__(
        self,
        senders: Sequence[Sender],
        on_change: Callable[[tuple[str, ...]], None],
        connect: Callable[[], MidiSystem] | None = None,
    ) -> None:
        """`on_change` is called on the thread with the names of all present outputs."""
        self._senders = tuple(senders)
        self._on_change = on_change
        self._connect = connect or RtMidiConnector()
        self._system: MidiSystem | None = None
        self._open: dict[str, _OpenPort] = {}
        self._names: tuple[str, ...] | None = None
        self._stop_requested = threading.Event()
        self._rescan_now = threading.Event()
        self._thread = threading.Thread(target=self._run, name="midi out", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def rescan(self) -> None:
        """Let the senders select their outputs again at once, after a change of settings."""
        self._rescan_now.set()

    def stop(self, timeout_s: float = 3.0) -> None:
        """Send the shutdown messages, close the ports and end the thread."""
        self._stop_requested.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    # --- on the thread ---

    def _run(self) -> None:
        next_scan_s = 0.0
        while not self._stop_requested.is_set():
            if time.monotonic() >= next_scan_s or self._rescan_now.is_set():
                self._rescan_now.clear()
                self._scan()
                next_scan_s = time.monotonic() + RESCAN_S
            self._feed()
            low_latency = any(
                sender.low_latency for output in self._open.values() for sender in output.senders
            )
            self._stop_requested.wait(LOW_LATENCY_POLL_S if low_latency else POLL_S)
        self._close_all()

    def _scan(self) -> None:
        try:
            if self._system is None:
                self._system = self._connect()
            self._open_selected(self._system)
        except MidiUnavailableError:
            self._close_all()
            self._report(())
        except Exception:
            log.exception("Scanning for MIDI outputs failed")
            self._close_all()

    def _open_selected(self, system: MidiSystem) -> None:
        listed = system.list_outputs()
        count = Counter(listed)
        # Two outputs with the same name cannot be distinguished.
        names = [
            name
            for name in listed
            if count[name] == 1
            and CLIENT_NAME not in name
            and not any(part in name for part in IGNORED_PORTS)
        ]
        self._report(tuple(names))
        wanted = {name: self._find_senders(name, names) for name in names}
        for name in [name for name in self._open if self._open[name].senders != wanted.get(name)]:
            self._close(name)
        for name, senders in wanted.items():
            if senders and name not in self._open:
                self._open_one(system, listed.index(name), name, senders)

    def _find_senders(self, name: str, names: Sequence[str]) -> tuple[Sender, ...]:
        return tuple(sender for sender in self._senders if name in sender.select_outputs(names))

    def _open_one(
        self, system: MidiSystem, index: int, name: str, senders: tuple[Sender, ...]
    ) -> None:
        try:
            port = system.open_output(index, name)
        except MidiUnavailableError as error:
            log.info("Cannot open MIDI output %s: %s", name, error)
            return
        self._open[name] = _OpenPort(port, senders)
        for sender in senders:
            self._send(name, sender.start(name))

    def _feed(self) -> None:
        now_s = time.perf_counter()
        for name, output in tuple(self._open.items()):
            for sender in output.senders:
                self._send(name, sender.poll(name, now_s))

    def _send(self, name: str, messages: Iterable[bytes]) -> None:
        output = self._open.get(name)
        if output is None:
            return
        try:
            for data in messages:
                output.port.send(data)
        except MidiUnavailableError as error:
            log.info("MIDI output %s is gone: %s", name, error)
            self._open.pop(name)
            output.port.close()

    def _close(self, name: str) -> None:
        """Send the last messages and close; they are sent twice, slowly, only on shutdown, because
        other outputs wait for clock meanwhile.
        """
        output = self._open[name]
        messages = [data for sender in output.senders for data in sender.stop(name)]
        if not self._stop_requested.is_set():
            self._send(name, messages)
        else:
            try:
                shutdown_messages.send_and_drain(output.port, messages)
            except MidiUnavailableError as error:
                log.info("MIDI output %s is gone: %s", name, error)
        if self._open.pop(name, None) is not None:
            output.port.close()

    def _report(self, names: tuple[str, ...]) -> None:
        if names != self._names:
            self._names = names
            self._on_change(names)

    def _close_all(self) -> None:
        for name in tuple(self._open):
            self._close(name)
        if self._system is not None:
            self._system.close()
            self._system = None
