"""The audio path on a real JACK server with the dummy driver: no sound card, real callbacks."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from ctypes.util import find_library
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from app.audio.devices.audio_devices import AudioDevices
from app.audio.devices.state import AudioState
from app.audio.mixer.mixer import Mixer
from app.audio.mixer.pad_parameters import PadParameters
from app.audio.recording.recorder import InputRecorder

RATE, BLOCK = 48_000, 128
WITHIN_S = 20.0
TRIES = 10

if shutil.which("jackd") is None:
    pytest.skip("jackd is not installed", allow_module_level=True)
if find_library("portaudio") is None:
    pytest.skip("PortAudio is not installed", allow_module_level=True)
jack = pytest.importorskip("jack", reason="JACK-Client is not installed", exc_type=ImportError)


class Server:
    """A jackd of the test's own, which it may stop and start."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        driver = ["-d", "dummy", "-r", str(RATE), "-p", str(BLOCK), "-C", "2", "-P", "2"]
        self._process = subprocess.Popen(
            ["jackd", "-R", "-P", "70", "-n", self.name, *driver],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(WITHIN_S)
            self._process = None


class States:
    """What the devices told, and a way to wait for it."""

    def __init__(self) -> None:
        self._states: list[AudioState] = []
        self._came = threading.Condition()

    def __call__(self, state: AudioState) -> None:
        with self._came:
            self._states.append(state)
            self._came.notify_all()

    def wait_for(self, is_it: Callable[[AudioState], bool]) -> AudioState:
        with self._came:
            found = self._came.wait_for(
                lambda: self._states and is_it(self._states[-1]), timeout=WITHIN_S
            )
            assert found, self._states
            return self._states[-1]


class Rig:
    """A server, a mixer, a recorder and their devices, open."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.mixer = Mixer(RATE)
        self.recorder = InputRecorder(RATE, 5.0)
        self.states = States()
        self.devices = AudioDevices(self.mixer, self.recorder, self.states)

    def open(self) -> AudioState:
        self.devices.open()
        return self.states.wait_for(lambda state: state.block_frames > 0)


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    name = f"pingpad-test-{os.getpid()}"
    monkeypatch.setenv("JACK_DEFAULT_SERVER", name)
    monkeypatch.setenv("JACK_NO_AUDIO_RESERVATION", "1")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    server = Server(name)
    server.start()
    rig = Rig(server)
    yield rig
    rig.devices.close()
    server.stop()


def noise(frames: int) -> NDArray[np.float32]:
    return np.random.default_rng(3).uniform(-0.5, 0.5, (frames, 2)).astype(np.float32)


class Listener:
    """A JACK client that keeps what comes out of the instrument, from its first sound on."""

    def __init__(self, frames: int) -> None:
        self.heard = np.zeros((frames, 2), np.float32)
        self.full = threading.Event()
        self._place = 0
        self.client: Any = jack.Client("listener", no_start_server=True)
        self._ports = [self.client.inports.register(f"in_{side}") for side in range(2)]
        self.client.set_process_callback(self._keep)

    def _keep(self, frames: int) -> None:
        block = np.stack([port.get_array() for port in self._ports], axis=1)
        if self._place == 0:
            loud = np.flatnonzero(block.any(axis=1))
            block = block[loud[0] :] if loud.size else block[:0]
        count = min(len(block), len(self.heard) - self._place)
        self.heard[self._place : self._place + count] = block[:count]
        self._place += count
        if self._place == len(self.heard):
            self.full.set()

    def connect(self) -> None:
        ours = self.client.get_ports("PortAudio.*", is_audio=True, is_output=True)
        for port, own in zip(sorted(ours, key=lambda port: port.name), self._ports, strict=True):
            self.client.connect(port, own)


def test_what_leaves_jack_is_bit_for_bit_what_the_kernel_renders(rig: Rig) -> None:
    state = rig.open()
    assert (state.output_name, state.input_name) == ("system", "system")
    assert (state.rate, state.block_frames) == (RATE, BLOCK)

    def song(mixer: Mixer, start: int) -> None:
        for number in range(20):
            mixer.hit(number % 2, 0.4 + number / 40, at_frame=start + 1777 * number)

    offline = Mixer(RATE)
    for mixer in (rig.mixer, offline):
        mixer.load(0, noise(3000))
        mixer.load(1, noise(2000)[::-1])
        mixer.configure(1, PadParameters(gain_db=-6.0))
    song(offline, 500)
    wanted = offline.render(500 + 78 + 30_000)[578:]
    listener = Listener(30_000)
    with listener.client:
        listener.connect()
        # A second is more than the hits need to be written; freewheeling, it passes in no time.
        song(rig.mixer, rig.mixer.counts().frame + RATE)
        listener.client.set_freewheel(True)
        try:
            assert listener.full.wait(WITHIN_S)
        finally:
            listener.client.set_freewheel(False)
    assert np.array_equal(listener.heard, wanted)


def test_recording_keeps_every_frame_of_the_input(rig: Rig) -> None:
    rig.open()
    client: Any = jack.Client("singer", no_start_server=True)
    out = client.outports.register("out")
    sung, missed = [0], [0]

    def sing(frames: int) -> None:
        out.get_array()[:] = (np.arange(frames) + sung[0]) % 65_536 / 65_536.0
        sung[0] += frames

    def miss(delay_us: float) -> None:
        missed[0] += 1

    client.set_process_callback(sing)
    client.set_xrun_callback(miss)
    with client:
        ours = client.get_ports("PortAudio.*", is_audio=True, is_input=True)
        client.connect(out, ours[0])
        # What the server itself misses on a busy machine nobody can keep: then once more.
        for _ in range(TRIES):
            before = missed[0]
            sound = half_a_second(rig)
            if missed[0] == before:
                break
    assert len(sound) > 10_000
    # A frame lost or doubled would break the count.
    assert set(np.diff(sound) % 65_536) == {1}


def half_a_second(rig: Rig) -> NDArray[np.int64]:
    """Record it, and return what the first channel counted."""
    pause = threading.Event()
    rig.recorder.start()
    while rig.recorder.seconds < 0.5:
        pause.wait(0.01)
    clip = rig.recorder.stop()
    assert clip is not None
    values = np.round(clip.samples[:, 0].astype(np.float64) * 65_536).astype(np.int64)
    return values[np.flatnonzero(values)[0] :]


def test_what_is_played_is_found_on_the_inputs_tape_by_its_moment(rig: Rig) -> None:
    """Out and in patched together by JACK, which adds nothing: what is left is the reckoning."""
    rig.open()
    mixer, recorder, pause = rig.mixer, rig.recorder, threading.Event()
    mixer.load(0, np.full((480, 2), 0.5, np.float32))
    client: Any = jack.Client("cable", no_start_server=True)
    off = []
    with client:
        ours = {port.name: port for port in client.get_ports("PortAudio.*", is_audio=True)}
        client.connect(ours["PortAudio:out_0"], ours["PortAudio:in_0"])
        for _ in range(9):
            frame = mixer.frame + RATE // 20
            mixer.hit(0, at_frame=frame)
            pause.wait(0.2)
            moment_s = mixer.moment_of_frame(frame)
            assert moment_s is not None
            reckoned = recorder.frame_at(moment_s + mixer.latency_frames / RATE)
            heard = recorder.find_loud(recorder.position - RATE // 4, 0.2)
            assert reckoned is not None and heard is not None
            off.append(abs(heard - reckoned))
    assert np.median(off) <= BLOCK, off


def test_the_instrument_survives_its_server_and_plays_on_the_next(rig: Rig) -> None:
    rig.open()
    rig.server.stop()
    told = rig.states.wait_for(lambda state: state.output_name is None)
    assert told.message
    rig.mixer.load(0, noise(100))
    rig.mixer.hit(0)
    rig.server.start()
    rig.states.wait_for(lambda state: state.output_name == "system" and state.block_frames > 0)
    before = rig.mixer.counts().callbacks
    pause = threading.Event()
    while rig.mixer.counts().callbacks < before + 10:
        pause.wait(0.01)


def test_it_starts_without_a_server_and_finds_it(rig: Rig) -> None:
    rig.server.stop()
    assert rig.devices.open(wait_s=WITHIN_S).message
    rig.server.start()
    rig.states.wait_for(lambda state: state.output_name == "system")


def test_the_round_trip_through_a_cable_is_two_blocks(rig: Rig) -> None:
    rig.open()
    client: Any = jack.Client("cable", no_start_server=True)
    measured = threading.Event()

    def keep_plugged() -> None:
        """Ports come and go: the clicks have a stream of their own."""
        while not measured.wait(0.02):
            outputs = client.get_ports("PortAudio.*", is_audio=True, is_output=True)
            inputs = client.get_ports("PortAudio.*", is_audio=True, is_input=True)
            for out, into in zip(outputs, inputs, strict=False):
                with contextlib.suppress(jack.JackError):
                    if into not in client.get_all_connections(out):
                        client.connect(out, into)

    with client:
        plugging = threading.Thread(target=keep_plugged)
        plugging.start()
        rig.devices.measure()
        try:
            state = rig.states.wait_for(lambda state: state.round_trip is not None)
        finally:
            measured.set()
            plugging.join()
    assert state.round_trip is not None and state.round_trip.error == ""
    # JACK's client hears itself a block later; a busy machine adds whole blocks to single clicks.
    assert BLOCK <= state.round_trip.milliseconds * RATE / 1000 <= 4 * BLOCK
    assert state.output_name == "system"
    before = rig.mixer.counts().callbacks
    pause = threading.Event()
    while rig.mixer.counts().callbacks < before + 10:
        pause.wait(0.01)
