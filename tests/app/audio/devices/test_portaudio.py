"""PortAudio: its errors, drivers that hang, and the copy of the library that takes over then."""

from __future__ import annotations

import _ctypes
import ctypes
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.audio.devices import portaudio
from app.audio.devices.portaudio import PortAudio, to_sound_error
from app.audio.devices.sound_system import SoundError, SoundSystemMissing
from tests.log_watch import LogWatch


def test_portaudio_errors_are_told_without_their_numbers() -> None:
    error = to_sound_error(RuntimeError("Error opening Stream: Device unavailable", -9985))
    assert type(error) is SoundError
    assert str(error) == "Error opening Stream: Device unavailable"


def test_a_missing_library_is_told_apart() -> None:
    assert isinstance(to_sound_error(OSError("PortAudio library not found")), SoundSystemMissing)


def test_portaudio_loads_nothing_until_it_is_used() -> None:
    PortAudio().shut()


class HangingStream:
    """A stream whose driver answers when it is told to."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.asked = threading.Event()
        self.aborted = threading.Event()
        self.closed = 0

    def abort(self, ignore_errors: bool) -> None:
        self.asked.set()
        self.answers.wait(10.0)
        self.aborted.set()

    def close(self, ignore_errors: bool) -> None:
        self.closed += 1


def closing_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "closing sound"]


@pytest.mark.parametrize("hangs", [False, True])
def test_a_stream_that_was_left_behind_is_touched_no_more(
    hangs: bool, monkeypatch: pytest.MonkeyPatch, log_watch: LogWatch
) -> None:
    if hangs:
        log_watch.expect("The sound driver hangs", 1)
    monkeypatch.setattr(portaudio, "CLOSE_WITHIN_S", 0.05 if hangs else 10.0)
    driver, hanging = HangingStream(), threading.Event()
    if not hangs:
        driver.answers.set()
    portaudio.PortAudioStream(driver, hanging, frozenset()).close()
    assert hanging.is_set() == hangs
    hanging.clear()  # a copy of the library has taken over
    driver.answers.set()
    for thread in closing_threads():
        thread.join(10.0)
    assert driver.aborted.is_set()
    assert driver.closed == (0 if hangs else 1)


def test_what_else_a_hanging_driver_has_is_told_to_end_before_a_copy_takes_over(
    monkeypatch: pytest.MonkeyPatch, log_watch: LogWatch
) -> None:
    """Else its callback would go on beside the new one's when the driver awakes, in one memory."""
    log_watch.expect("The sound driver hangs", 1)
    monkeypatch.setattr(portaudio, "CLOSE_WITHIN_S", 0.05)
    hanging = threading.Event()
    output, source = HangingStream(), HangingStream()
    for driver in (output, source):
        portaudio.PortAudioStream(driver, hanging, frozenset()).close()
        assert driver.asked.is_set()
    hanging.clear()
    for driver in (output, source):
        driver.answers.set()
    for thread in closing_threads():
        thread.join(10.0)
    assert output.closed == source.closed == 0


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the system does not tell")
def test_a_library_is_found_beside_copies_whose_files_are_gone(tmp_path: Path) -> None:
    """Each copy that took over loses its file; the next one is made of the one that is left."""
    parts = [tmp_path / f"{name} folder" for name in "abc"]
    for part in parts:
        part.mkdir()
        copy = shutil.copy(_ctypes.__file__, part / "libpingpadtest.so.2")
        ctypes.CDLL(str(copy))
    for gone in (parts[0], parts[2]):
        shutil.rmtree(gone)
    assert portaudio.find_loaded_library("libpingpadtest") == parts[1] / "libpingpadtest.so.2"


@pytest.mark.parametrize("hangs", [False, True])
def test_the_end_does_not_wait_for_a_library_that_hangs(hangs: bool) -> None:
    """sounddevice terminates at exit what counts as initialised: that took ten minutes."""
    library = SimpleNamespace(_initialized=1)
    ended = threading.Event()

    def terminate() -> None:
        ended.set()
        library._initialized = 0

    library._terminate = terminate
    sound = PortAudio()
    sound._module = library
    if hangs:
        sound._hangs.set()
    sound.shut()
    assert ended.is_set() == (not hangs)
    assert library._initialized == 0
