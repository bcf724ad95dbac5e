"""Real MIDI ports: another process plays pads through a JACK server."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.midi.ports.inputs import NO_PORTS, MidiInputs, MidiState
from app.midi.router import PadRouter
from tests.fakes.app.jack_server import JackServer, why_not
from tests.fakes.app.main_loop import MainLoop
from tests.fakes.app.mixer import FakeMixer

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

NOTES = 300
END = (0, 127)
"""Pad 1 at full level: the sender repeats it when it is through."""

SENDER = f"""
import sys, threading, rtmidi

pause = threading.Event()
out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="Test pads")
if sys.argv[1] == "own port":
    out.open_virtual_port("pads")
else:
    names = out.get_ports()
    out.open_port(next(n for n, name in enumerate(names) if name.startswith("Pingpad")), "pads")
print("open", flush=True)
for line in sys.stdin:
    for k in range({NOTES}):
        out.send_message([0x90 | k % 16, 36 + k % 16, 1 + k % 126])
        pause.wait(0.002)
    for _ in range(50):
        out.send_message([0x99, 36, 127])
        pause.wait(0.02)
    print("sent", flush=True)
"""


class Sender:
    """The other process."""

    def __init__(self, where: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SENDER, where],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "open\n"

    def play(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("play\n")
        self._process.stdin.flush()

    def pull_out(self) -> None:
        self._process.kill()
        self._process.communicate()


class Receiver:
    """MidiInputs and PadRouter as in the instrument."""

    def __init__(self) -> None:
        self.loop = MainLoop()
        self.states: list[MidiState] = []
        self.hits: list[tuple[int, int]] = []
        self.senders: list[Sender] = []
        router = PadRouter(FakeMixer(), self._hit)
        self.ports = MidiInputs(
            router.receive, lambda state: self.loop.post(lambda: self.states.append(state))
        )

    def _hit(self, pad: int, velocity: float) -> None:
        self.loop.post(lambda: self.hits.append((pad, round(velocity * 127))))

    def until(self, done: Callable[[], object]) -> None:
        self.loop.run_until(done)

    def until_ports(self, count: int) -> MidiState:
        self.until(lambda: self.states and len(self.states[-1].ports) == count)
        return self.states[-1]

    def sender(self, where: str = "own port") -> Sender:
        self.senders.append(Sender(where))
        return self.senders[-1]

    def hear_all(self) -> None:
        """Wait for the end, and find what was sent in its order, nothing twice."""
        self.until(lambda: END in self.hits)
        sent = [(k % 16, 1 + k % 126) for k in range(NOTES)]
        heard = self.hits[: self.hits.index(END)]
        place = iter(sent)
        assert all(hit in place for hit in heard), "out of order, or never sent"
        # JACK skips cycles, with their notes, when the machine is busy: no fault of ours.
        assert len(heard) >= NOTES / 2
        self.hits.clear()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[JackServer]:
    server = JackServer(f"pingpadmidi{os.getpid()}", tmp_path / "jackd.log")
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def receiver(server: JackServer) -> Iterator[Receiver]:
    receiver = Receiver()
    receiver.ports.start()
    yield receiver
    receiver.ports.stop()
    for sender in receiver.senders:
        sender.pull_out()


def test_pads_plugged_in_are_found_heard_in_order_and_found_again_after_the_cable_was_pulled(
    receiver: Receiver,
) -> None:
    assert receiver.until_ports(0).message == NO_PORTS
    sender = receiver.sender()
    state = receiver.until_ports(1)
    assert "Test pads" in state.ports[0] and state.message == ""
    sender.play()
    receiver.hear_all()
    sender.pull_out()
    assert receiver.until_ports(0).message == NO_PORTS
    again = receiver.sender()
    assert receiver.until_ports(1).ports == state.ports
    receiver.hits.clear()
    again.play()
    receiver.hear_all()
    assert receiver.ports.faults == 0


def test_a_program_can_play_pingpads_own_port(receiver: Receiver) -> None:
    receiver.until_ports(0)
    receiver.sender("Pingpad's port").play()
    receiver.hear_all()


PAIRS = """
import jack, threading

client = jack.Client("Test hands")
out = client.midi_outports.register("out")
begin, sent, missed = threading.Event(), [], []

@client.set_xrun_callback
def xrun(delayed_usecs):
    missed.append(delayed_usecs)

@client.set_process_callback
def process(frames):
    out.clear_buffer()
    # Places all over a cycle; the second note of some pairs belongs to the next one.
    place = len(sent) // 2 * 1009 % frames
    if begin.is_set() and len(sent) < 400:
        now = client.last_frame_time
        if len(sent) % 2 == 0:
            sent.append(now + place)
            out.write_midi_event(place, (0x90, 36, 127))
        second = sent[-1] + 48 - now
        if len(sent) % 2 == 1 and second < frames:
            sent.append(now + second)
            out.write_midi_event(max(second, 0), (0x80, 36, 0))

with client:
    print("open", flush=True)
    input()
    begin.set()
    while len(sent) < 400:
        threading.Event().wait(0.05)
    threading.Event().wait(0.5)
    print(len(missed), flush=True)
"""


@pytest.fixture
def realtime_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[JackServer]:
    server = JackServer(f"pingpadhands{os.getpid()}", tmp_path / "jackd.log", realtime=True)
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    server.start()
    yield server
    server.stop()


@pytest.mark.usefixtures("realtime_server")
def test_notes_1_ms_apart_in_one_cycle_or_two_arrive_1_ms_apart() -> None:
    pytest.importorskip("jack")
    came: list[tuple[int, float]] = []
    loop = MainLoop()
    states: list[MidiState] = []
    ports = MidiInputs(
        lambda data, time_s, port: came.append((data[0], time_s)),
        lambda state: loop.post(lambda: states.append(state)),
    )
    sender = subprocess.Popen(
        [sys.executable, "-c", PAIRS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert sender.stdout is not None
    assert sender.stdout.readline() == "open\n"
    ports.start()
    loop.run_until(lambda: states and states[-1].ports)
    missed = int(sender.communicate("begin\n", timeout=60)[0])
    ports.stop()
    if missed > 5:
        pytest.skip(f"the machine was too busy for JACK, which missed {missed} cycles")
    pairs = [
        round((second[1] - first[1]) * 48_000)
        for first, second in itertools.pairwise(came)
        if (first[0], second[0]) == (0x90, 0x80)
    ]
    assert len(pairs) > 100
    assert sum(abs(frames - 48) <= 1 for frames in pairs) > 0.9 * len(pairs)


def test_a_jack_server_that_ends_is_said_and_found_again(
    receiver: Receiver, server: JackServer
) -> None:
    receiver.until_ports(0)
    server.stop()
    receiver.until(lambda: "start JACK" in receiver.states[-1].message)
    server.start()
    receiver.until(lambda: receiver.states[-1].message == NO_PORTS)
    sender = receiver.sender()
    receiver.until_ports(1)
    sender.play()
    receiver.hear_all()


INSTRUMENT = """
import sys
from app.midi.ports.outputs import MidiOutputs
from app.midi.ports.inputs import MidiInputs

class Everywhere:
    low_latency = False
    def wanted(self, names): return frozenset(names)
    def begin(self, name): return [bytes([0x90, 1, 1])]
    def due(self, name, now_s): return []
    def end(self, name): return []

ports = MidiInputs(lambda *heard: None, lambda state: print("in", *state.ports, flush=True))
outputs = MidiOutputs([Everywhere()], lambda names: print("out", *names, flush=True))
ports.start()
outputs.start()
sys.stdin.readline()
ports.stop()
outputs.stop()
"""


def test_a_jack_server_that_is_killed_takes_nobody_along_and_is_found_again(
    server: JackServer, tmp_path: Path
) -> None:
    """With inputs and outputs open on threads of their own, as in the instrument."""
    said = tmp_path / "said.txt"
    root = Path(__file__).parents[2]
    with said.open("w") as out:
        instrument = subprocess.Popen(
            [sys.executable, "-c", INSTRUMENT],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    senders: list[Sender] = []
    pause = threading.Event()

    def lines(kind: str) -> list[str]:
        return [line for line in said.read_text().splitlines() if line.split()[:1] == [kind]]

    def until(done: Callable[[], object]) -> None:
        deadline = time.monotonic() + 60.0
        while not done():
            assert instrument.poll() is None, "the server's end was the instrument's end too"
            assert time.monotonic() < deadline, said.read_text()
            pause.wait(0.05)

    try:
        for _ in range(3):
            senders.append(Sender("own port"))
            until(lambda: any("Test pads" in line for line in lines("in")[-1:]))
            server.kill()
            until(lambda: lines("in")[-1:] == ["in"])
            senders.pop().pull_out()
            server.start()
        instrument.communicate("end\n", timeout=20)
        assert instrument.returncode == 0
    finally:
        instrument.kill()
        instrument.communicate()
        for sender in senders:
            sender.pull_out()
