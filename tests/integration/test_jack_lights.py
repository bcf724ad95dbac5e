"""Lights and clock through real MIDI ports: what a controller on a JACK server is sent."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.app.jack_server import JackServer, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

NAME = "LPMiniMK3 MI"
ENTER, LEAVE = "f0002029020d0e01f7", "f0002029020d0e00f7"
NOTES = [row * 10 + column for row in range(1, 5) for column in range(1, 5)]
SHUTDOWN_MESSAGES = {LEAVE, *(f"90{note:02x}00" for note in NOTES)}
WITHIN_S = 20.0
BLOCK_FRAMES = 1024
"""Nothing here is about latency, and a machine that runs tests misses short blocks."""

PLAYER = """
import sys, threading
from app.midi.clock.timeline import Timeline
from app.midi.clock.sender import ClockSender
from app.midi.messages.controller_map import read_controller_maps
from app.midi.ports.crash_guard import CrashGuard
from app.midi.lights import LightSettings, PadLights
from app.midi.ports.outputs import MidiOutputs
from pathlib import Path
import time

lights = PadLights(lambda pad: None, CrashGuard().arm)
lights.configure(LightSettings(maps=read_controller_maps(Path("none")).maps))
lights.set_states(["generating"] + ["ready"] * 15)
timeline = Timeline(time.perf_counter() + 3.0, 0.0, 120.0)
clock = ClockSender(lambda: timeline if time.perf_counter() >= timeline.time_s else None)

def tell(names):
    clock.port = next((name for name in names if "Synth" in name), "")
    print(*names, flush=True)

outputs = MidiOutputs([lights, clock], tell)
outputs.start()
sys.stdin.readline()
outputs.stop()
"""

CONTROLLER = """
import sys, rtmidi, threading, time
port = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name=sys.argv[1])
port.ignore_types(sysex=False, timing=False)
port.open_virtual_port("in")
print("open", flush=True)
while True:
    event = port.get_message()
    if event is None:
        time.sleep(0.0005)
    else:
        print(time.perf_counter(), bytes(event[0]).hex(), flush=True)
"""


class Controller:
    """Another process with a MIDI input; its output is what it was sent, with the time."""

    def __init__(self, folder: Path, name: str) -> None:
        self._file = folder / f"{name}.txt"
        with self._file.open("w") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-c", CONTROLLER, name], stdout=out, stderr=subprocess.DEVNULL
            )
        until(lambda: "open" in self._file.read_text())

    def sent(self) -> list[tuple[float, str]]:
        lines = [line.split() for line in self._file.read_text().splitlines()[1:]]
        return [(float(words[0]), words[1]) for words in lines if len(words) == 2]

    def messages(self) -> list[str]:
        return [data for _, data in self.sent()]

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


def until(done: Callable[[], object]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not done():
        assert time.monotonic() < deadline, "did not happen"
        time.sleep(0.02)


@pytest.fixture
def controllers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Controller]]:
    server = JackServer(f"pingpadlights{os.getpid()}", tmp_path / "jackd.log", BLOCK_FRAMES)
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    server.start()
    made: list[Controller] = []

    def make(name: str) -> Controller:
        made.append(Controller(tmp_path, name))
        return made[-1]

    yield make
    for controller in made:
        controller.end()
    server.stop()


@pytest.fixture
def player() -> Iterator[Callable[[], subprocess.Popen[str]]]:
    made: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        made.append(
            subprocess.Popen(
                [sys.executable, "-c", PLAYER],
                cwd=Path(__file__).parents[2],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        )
        return made[-1]

    yield start
    for process in made:
        process.kill()
        process.communicate()


def test_a_controller_is_lit_and_given_back_at_the_end(
    controllers: Callable[[str], Controller], player: Callable[[], subprocess.Popen[str]]
) -> None:
    launchpad = controllers(NAME)
    process = player()
    until(lambda: len(launchpad.messages()) >= 17)
    assert launchpad.messages()[:3] == [ENTER, "920b09", "900c17"]
    process.communicate("end\n", timeout=WITHIN_S)
    until(lambda: set(launchpad.messages()[17:]) >= SHUTDOWN_MESSAGES)


def test_a_controller_is_given_back_when_pingpad_is_killed(
    controllers: Callable[[str], Controller], player: Callable[[], subprocess.Popen[str]]
) -> None:
    launchpad = controllers(NAME)
    process = player()
    until(lambda: len(launchpad.messages()) >= 17)
    process.kill()
    process.wait()
    until(lambda: set(launchpad.messages()[17:]) >= SHUTDOWN_MESSAGES)


def test_a_clock_is_sent_in_time(
    controllers: Callable[[str], Controller], player: Callable[[], subprocess.Popen[str]]
) -> None:
    synth = controllers("Synth")
    process = player()
    until(lambda: synth.messages().count("f8") >= 96)
    process.communicate("end\n", timeout=WITHIN_S)
    until(lambda: synth.messages()[-1] == "fc")
    sent = synth.sent()
    assert [data for _, data in sent[:2]] == ["fa", "f8"]
    times = [time_s for time_s, data in sent if data == "f8"]
    # 24 a beat at 120 bpm; a busy machine delays single ticks, never the tempo.
    mean_s = (times[95] - times[0]) / 95
    assert mean_s == pytest.approx(60 / (24 * 120), rel=0.05)
