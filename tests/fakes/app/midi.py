"""A MIDI system with ports that a test plugs in and pulls out, and a double of MidiInputs."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from app.midi.ports.inputs import MidiState
from app.midi.ports.outputs import Sender
from app.midi.ports.system import MidiInput, MidiOutput, MidiUnavailableError


class FakePort:
    def __init__(self) -> None:
        self.time_s: float | None = None
        self.dropped = 0
        self._messages: deque[bytes] = deque()
        self._broken = False
        self.failed = threading.Event()
        self.open = True

    def send(self, *data: int) -> None:
        self._messages.append(bytes(data))

    def break_off(self) -> None:
        self._broken = True

    def read(self) -> bytes | None:
        assert self.open, "read after close"
        if self._broken:
            self.failed.set()
            raise RuntimeError("the device is gone")
        return self._messages.popleft() if self._messages else None

    def close(self) -> None:
        self.open = False


class FakeOutput:
    """Remembers what it was sent, as a controller shows it."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.open = True
        self.gone = False

    def send(self, data: bytes) -> None:
        assert self.open, "send after close"
        if self.gone:
            raise MidiUnavailableError("the device is gone")
        self.sent.append(data)

    def close(self) -> None:
        self.open = False


class FakeMidiSystem:
    def __init__(self, *names: str, outputs: tuple[str, ...] = ()) -> None:
        self.present = list(names)
        self.outputs = list(outputs)
        self.opened_outputs: list[tuple[str, FakeOutput]] = []
        self.running = True
        self.refused: set[str] = set()
        self.opened: list[tuple[str, FakePort]] = []
        self.own = FakePort()
        self.closed = threading.Event()

    def port(self, name: str) -> FakePort:
        """The newest open port of that name."""
        return [port for opened, port in self.opened if opened == name][-1]

    def list_inputs(self) -> list[str]:
        if not self.running:
            raise MidiUnavailableError("the server ended")
        return list(self.present)

    def open_input(self, index: int, name: str) -> MidiInput:
        assert self.present[index] == name
        if name in self.refused:
            raise MidiUnavailableError("another program uses it")
        port = FakePort()
        self.opened.append((name, port))
        return port

    def open_virtual_input(self) -> MidiInput | None:
        return self.own

    def output(self, name: str) -> FakeOutput:
        """The newest open output of that name."""
        return [port for opened, port in self.opened_outputs if opened == name][-1]

    def list_outputs(self) -> list[str]:
        if not self.running:
            raise MidiUnavailableError("the server ended")
        return list(self.outputs)

    def open_output(self, index: int, name: str) -> MidiOutput:
        assert self.outputs[index] == name
        if name in self.refused:
            raise MidiUnavailableError("another program uses it")
        port = FakeOutput()
        self.opened_outputs.append((name, port))
        return port

    def close(self) -> None:
        self.closed.set()


class FakeMidiInputs:
    """MidiInputs for the whole instrument: a test plays it."""

    def __init__(
        self,
        on_message: Callable[[bytes, float, str], None],
        on_change: Callable[[MidiState], None],
    ) -> None:
        self._on_message = on_message
        self._on_change = on_change
        self._running = False

    def start(self) -> None:
        assert not self._running
        self._running = True
        self._on_change(MidiState(("Pads",), ""))

    def stop(self) -> None:
        self._running = False

    def play(self, *data: int) -> None:
        """Receive a message on the MIDI thread."""
        assert self._running
        thread = threading.Thread(
            target=self._on_message, args=(bytes(data), 0.0, "Pads"), name="midi"
        )
        thread.start()
        thread.join()

    def pull_out(self) -> None:
        self._on_change(MidiState((), "No MIDI pads are plugged in."))


class FakeMidiOutputs:
    """MidiOutputs for the whole instrument: nothing is plugged in."""

    def __init__(
        self, senders: Sequence[Sender], on_change: Callable[[tuple[str, ...]], None]
    ) -> None:
        self.senders = senders
        self._on_change = on_change

    def start(self) -> None:
        self._on_change(("Pads",))

    def rescan(self) -> None:
        pass

    def stop(self) -> None:
        pass
