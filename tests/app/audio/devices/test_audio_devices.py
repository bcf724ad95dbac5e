"""The sound thread: opens without making anybody wait, tells what changed, ends in time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import groupby

import pytest

from app.audio.devices.audio_devices import AudioDevices
from app.audio.devices.round_trip import RoundTrip
from app.audio.devices.sound_system import Device
from app.audio.devices.state import AudioState, DeviceRequest
from app.audio.mixer.mixer import Mixer
from app.audio.recording.recorder import InputRecorder
from tests.fakes.app.sound_system import MICROPHONE, SPEAKERS, FakeSoundSystem
from tests.log_watch import LogWatch

FOUND = RoundTrip(10.0, 0.0, 8)


class Heard:
    """Collects states and lets a test wait for one."""

    def __init__(self) -> None:
        self.states: list[AudioState] = []
        self.threads: set[str] = set()
        self._came = threading.Condition()

    def __call__(self, state: AudioState) -> None:
        with self._came:
            self.states.append(state)
            self.threads.add(threading.current_thread().name)
            self._came.notify_all()

    def loops(self) -> list[RoundTrip | None]:
        """What was told of the round trip, each as often as it changed."""
        return [trip for trip, _ in groupby(state.round_trip for state in self.states)]

    def wait_for_output(self, name: str | None) -> AudioState:
        return self.wait_for(lambda: self.states and self.states[-1].output_name == name)

    def wait_for(self, done: Callable[[], object]) -> AudioState:
        with self._came:
            assert self._came.wait_for(done, timeout=10.0), self.states
            return self.states[-1]


@pytest.fixture(scope="module", autouse=True)
def compiled_kernel() -> None:
    """Compile it, where nobody did yet, before a thread that opens streams is waited for."""
    assert Mixer().callback_address and InputRecorder(48_000, 1.0).callback_address


def devices_with(system: FakeSoundSystem, heard: Heard) -> AudioDevices:
    return AudioDevices(Mixer(), InputRecorder(48_000, 1.0), heard, system)


def test_open_returns_at_once_and_the_news_comes_from_the_sound_thread() -> None:
    heard = Heard()
    system = FakeSoundSystem(SPEAKERS, MICROPHONE)
    system.may_scan.clear()
    devices = devices_with(system, heard)
    assert devices.open().output_name is None
    system.may_scan.set()
    heard.wait_for_output("Speakers")
    assert heard.threads == {"sound"}
    assert devices.state.input_name == "Microphone"
    devices.close()


def test_open_can_wait_for_what_came() -> None:
    devices = devices_with(FakeSoundSystem(SPEAKERS), Heard())
    assert devices.open(wait_s=10.0).output_name == "Speakers"
    devices.close()


def test_close_ends_the_thread_and_the_streams() -> None:
    system = FakeSoundSystem(SPEAKERS, MICROPHONE)
    before = set(threading.enumerate())
    devices = devices_with(system, Heard())
    devices.open(wait_s=10.0)
    devices.close()
    assert system.open_streams == []
    assert system.shut_count == 1
    assert set(threading.enumerate()) <= before


def test_close_without_open_and_twice_is_nothing() -> None:
    devices = devices_with(FakeSoundSystem(), Heard())
    devices.close()
    devices.open(wait_s=10.0)
    devices.close()
    devices.close()


def test_another_device_can_be_chosen_while_one_plays() -> None:
    other = SPEAKERS.__class__(2, "Headphones", "ALSA", 2, 0, 48_000)
    heard = Heard()
    devices = devices_with(FakeSoundSystem(SPEAKERS, other), heard)
    devices.open(wait_s=10.0)
    assert devices.open(DeviceRequest("Headphones"), wait_s=10.0).output_name == "Headphones"
    assert devices.rescan(wait_s=10.0).output_name == "Headphones"
    devices.close()


def test_each_measurement_is_news_even_when_it_finds_the_same() -> None:
    heard = Heard()
    system = FakeSoundSystem(SPEAKERS, MICROPHONE)
    system.cable_frames = 480
    devices = devices_with(system, heard)
    devices.open(wait_s=10.0)
    devices.measure()
    heard.wait_for(lambda: heard.loops() == [None, FOUND])
    devices.measure()
    heard.wait_for(lambda: heard.loops() == [None, FOUND, None, FOUND])
    devices.close()


def test_it_can_be_opened_again_after_closing() -> None:
    devices = devices_with(FakeSoundSystem(SPEAKERS), Heard())
    devices.open(wait_s=10.0)
    devices.close()
    assert devices.open(wait_s=10.0).output_name == "Speakers"
    devices.close()


def test_a_listener_that_fails_does_not_stop_the_sound(log_watch: LogWatch) -> None:
    log_watch.expect("A listener failed on")

    def fail(state: AudioState) -> None:
        raise RuntimeError("a bug elsewhere")

    devices = AudioDevices(Mixer(), InputRecorder(48_000, 1.0), fail, FakeSoundSystem(SPEAKERS))
    assert devices.open(wait_s=10.0).output_name == "Speakers"
    assert devices.rescan(wait_s=10.0).output_name == "Speakers"
    devices.close()


def test_a_fault_inside_is_told_and_nobody_waits_for_ever(log_watch: LogWatch) -> None:
    log_watch.expect("The sound thread failed", 1)

    class Faulty(FakeSoundSystem):
        def scan(self) -> tuple[Device, ...]:
            raise ZeroDivisionError("a bug")

    devices = devices_with(Faulty(), Heard())
    assert "Sound stopped (a bug)" in devices.open(wait_s=10.0).message
    devices.close()
