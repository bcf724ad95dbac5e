"""PortAudio behind the protocol of sound_system: the only module that imports sounddevice.

One thread calls all of it: `app.audio.devices.audio_devices`.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.audio.devices import realtime_priority
from app.audio.devices.sound_system import (
    Device,
    SoundError,
    SoundStream,
    SoundSystemMissing,
    StreamPlan,
)

CLOSE_WITHIN_S = 2.0
"""A driver that needs longer to close a stream hangs."""
CLOSE_HANGING_WITHIN_S = 0.2
"""A driver that hangs already is asked to close another stream, but not waited for."""
PEEK_WITHIN_S = 5.0
LOOP_BACK_MARGIN_S = 5.0

_PEEK = """
import json, sounddevice
print(json.dumps([sounddevice.query_hostapis(), list(sounddevice.query_devices())]))
"""

_Module: TypeAlias = Any
"""sounddevice has no types; it is loaded late, on the sound thread."""

log = logging.getLogger(__name__)

_left_behind: list[_Module] = []
"""Libraries that still have threads inside: they must never be unloaded."""


class PortAudio:
    """The real sound system."""

    def __init__(self) -> None:
        """Load nothing yet: PortAudio looks at every device when it is loaded."""
        self._module: _Module = None
        self._hangs = threading.Event()
        self._threads_before: frozenset[int] = frozenset()

    def scan(self) -> tuple[Device, ...]:
        """Look for devices again. PortAudio looks only when it is initialised: so it is, again."""
        try:
            self._initialise()
            module = self._module
            hosts = module.query_hostapis()
            return tuple(_to_device(hosts, found) for found in module.query_devices())
        except Exception as error:
            raise to_sound_error(error) from error

    def _initialise(self) -> None:
        loaded = "sounddevice" in sys.modules
        # sounddevice takes its library with ASIO only when this is set before it is loaded.
        os.environ.setdefault("SD_ENABLE_ASIO", "1")
        import sounddevice

        self._module = sounddevice
        if self._hangs.is_set():
            self._load_second_copy()
        elif loaded and sounddevice._initialized:
            sounddevice._terminate()
        if not sounddevice._initialized:
            # JACK's thread begins here, the others' when a stream is started.
            self._threads_before = realtime_priority.find_native_threads()
            sounddevice._initialize()

    def _load_second_copy(self) -> None:
        """Leave a PortAudio that hangs behind, with its threads, and load a copy beside it.

        WORKAROUND PortAudio's JACK host waits ten minutes for a callback when a stream is stopped
        after its server died (WaitCondition in src/hostapi/jack/pa_jack.c), and terminating or
        closing would wait as well. A copy of the file has state of its own.
        """
        module = self._module
        loaded_from = find_loaded_library("libportaudio")
        if loaded_from is None:
            raise SoundError("the sound system hangs; start Pingpad again")
        _left_behind.append(module._lib)
        with tempfile.TemporaryDirectory(prefix="pingpad-") as folder:
            copy = shutil.copy(loaded_from, folder)
            module._lib = module._ffi.dlopen(str(copy))
        module._initialized = 0
        self._hangs.clear()

    def open_output(self, plan: StreamPlan) -> SoundStream:
        """Open an output; the kernel limits, so PortAudio neither clips nor dithers."""
        return self._open("output", plan)

    def open_input(self, plan: StreamPlan) -> SoundStream:
        """Open an input."""
        return self._open("input", plan)

    def _open(self, kind: str, plan: StreamPlan) -> SoundStream:
        module = self._module
        try:
            return PortAudioStream(
                module._StreamBase(
                    kind=kind,
                    samplerate=plan.rate,
                    blocksize=plan.block_frames,
                    device=plan.device.index,
                    channels=plan.channels,
                    dtype="float32",
                    latency="low",
                    clip_off=True,
                    dither_off=True,
                    callback=module._ffi.cast("PaStreamCallback*", plan.callback),
                    userdata=module._ffi.cast("void*", plan.memory),
                    extra_settings=_make_host_settings(module, plan),
                ),
                self._hangs,
                self._threads_before,
            )
        except (module.PortAudioError, ValueError) as error:
            raise to_sound_error(error) from error

    def loop_back(
        self, output: StreamPlan, source: StreamPlan, played: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Play and record by one stream, whose frames in and out belong together."""
        module = self._module
        heard = np.zeros(len(played), np.float32)
        done = threading.Event()
        place = 0

        def pass_block(incoming: _Module, outgoing: _Module, frames: int, *_: object) -> None:
            nonlocal place
            count = min(frames, len(played) - place)
            outgoing[:] = 0.0
            outgoing[:count] = played[place : place + count, np.newaxis]
            heard[place : place + count] = incoming[:count].sum(axis=1)
            place += count
            if place == len(played):
                done.set()

        try:
            both = module.Stream(
                samplerate=output.rate,
                blocksize=output.block_frames,
                device=(source.device.index, output.device.index),
                channels=(source.channels, output.channels),
                dtype="float32",
                latency="low",
                callback=pass_block,
            )
        except (module.PortAudioError, ValueError) as error:
            raise to_sound_error(error) from error
        stream = PortAudioStream(both, self._hangs, self._threads_before)
        try:
            stream.start()
            done.wait(len(played) / output.rate + LOOP_BACK_MARGIN_S)
        finally:
            stream.close()
        return heard

    def peek(self) -> tuple[Device, ...]:
        """Ask another process: this one's PortAudio cannot look without closing its streams."""
        try:
            found = subprocess.run(
                [sys.executable, "-c", _PEEK],
                capture_output=True,
                check=True,
                timeout=PEEK_WITHIN_S,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except (subprocess.SubprocessError, OSError):
            return ()
        hosts, devices = json.loads(found.stdout)
        return tuple(_to_device(hosts, found) for found in devices)

    def shut(self) -> None:
        """Let go of every host."""
        if self._module is None:
            return
        if self._hangs.is_set():
            # sounddevice terminates at exit what counts as initialised: this would take minutes.
            self._module._initialized = 0
        elif self._module._initialized:
            self._module._terminate()


class PortAudioStream:
    """A sounddevice stream behind the protocol SoundStream."""

    def __init__(
        self, stream: _Module, hangs: threading.Event, threads_before: frozenset[int]
    ) -> None:
        self._stream = stream
        self._hangs = hangs
        self._threads_before = threads_before
        self._threads: frozenset[int] = frozenset()
        self._left_behind = False

    def start(self) -> None:
        """Let the callbacks begin, with real-time priority where the system grants it."""
        before = realtime_priority.find_native_threads()
        try:
            self._stream.start()
        except Exception as error:
            raise to_sound_error(error) from error
        now = realtime_priority.find_native_threads()
        realtime_priority.request(now - before)
        self._threads = now - self._threads_before

    @property
    def realtime(self) -> bool:
        """Whether a thread of the host has real-time priority; True where that is not known."""
        return not realtime_priority.SUPPORTED or realtime_priority.is_granted(self._threads)

    def close(self) -> None:
        """Close, and leave a driver that hangs behind."""
        closing = threading.Thread(target=self._close, name="closing sound", daemon=True)
        # A driver that hangs may wake up: every stream of it must have been told to end by then, or
        # its callback would write to the same memory as the next one's.
        self._left_behind = self._hangs.is_set()
        closing.start()
        closing.join(CLOSE_HANGING_WITHIN_S if self._left_behind else CLOSE_WITHIN_S)
        if closing.is_alive() and not self._left_behind:
            log.warning("The sound driver hangs; abandoning it")
            self._left_behind = True
            self._hangs.set()

    def _close(self) -> None:
        # Aborted, not stopped: a device that was pulled out never plays its last block.
        self._stream.abort(ignore_errors=True)
        # Ten minutes later, when JACK's host has given up, sounddevice would hand this stream to
        # the copy of the library that took over, and crash.
        if not self._left_behind:
            self._stream.close(ignore_errors=True)

    @property
    def active(self) -> bool:
        """Whether PortAudio calls back, as far as it knows."""
        try:
            return bool(self._stream.active)
        except Exception:  # PortAudio's own error class is known only once it is loaded
            return False

    @property
    def latency_s(self) -> float:
        """As PortAudio reckons it."""
        return float(self._stream.latency)


def _make_host_settings(module: _Module, plan: StreamPlan) -> _Module:
    """Return what a host has to know besides; None for nothing."""
    if not plan.exclusive:
        return None
    if plan.device.host == "Windows WASAPI":
        return module.WasapiSettings(exclusive=True)
    if plan.device.host == "Core Audio":
        return module.CoreAudioSettings(change_device_parameters=True)
    return None


def find_loaded_library(name: str) -> Path | None:
    """Return a file a loaded library came from; None where the system does not tell."""
    maps = Path("/proc/self/maps")
    if not maps.exists():
        return None
    for line in maps.read_text().splitlines():
        path = Path(line.split(maxsplit=5)[-1])
        # A copy that took over before has no file any more.
        if path.name.startswith(name) and path.exists():
            return path
    return None


def _to_device(hosts: _Module, found: _Module) -> Device:
    host = hosts[found["hostapi"]]
    return Device(
        index=int(found["index"]),
        name=str(found["name"]),
        host=str(host["name"]),
        outputs=int(found["max_output_channels"]),
        inputs=int(found["max_input_channels"]),
        rate=round(found["default_samplerate"]),
        is_default_output=host["default_output_device"] == found["index"],
        is_default_input=host["default_input_device"] == found["index"],
    )


def to_sound_error(error: Exception) -> SoundError:
    """Return the error with PortAudio's own text, without its number."""
    if isinstance(error, OSError | ImportError):
        return SoundSystemMissing(str(error))
    text = str(error.args[0]) if error.args else type(error).__name__
    return SoundError(text.removesuffix("]").split(" [PaErrorCode")[0])
