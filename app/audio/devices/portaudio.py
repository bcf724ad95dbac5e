"""PortAudio as a SoundSystem: the only module that imports sounddevice.

Used from one thread only, that of `app.audio.devices.audio_devices`.
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
"""A driver that takes longer to close a stream is considered to hang."""
CLOSE_HANGING_WITHIN_S = 0.2
"""Wait for a driver that already hangs to close another stream."""
PEEK_WITHIN_S = 5.0
LOOP_BACK_MARGIN_S = 5.0

_PEEK = """
import json, sounddevice
print(json.dumps([sounddevice.query_hostapis(), list(sounddevice.query_devices())]))
"""

_Module: TypeAlias = Any
"""sounddevice has no type annotations; it is imported late, on the sound thread."""

log = logging.getLogger(__name__)

_left_behind: list[_Module] = []
"""Libraries with threads still running in them: they must never be unloaded."""


class PortAudio:
    """The real sound system."""

    def __init__(self) -> None:
        """Load nothing yet: PortAudio probes every device when it is initialised."""
        self._module: _Module = None
        self._hangs = threading.Event()
        self._threads_before: frozenset[int] = frozenset()

    def scan(self) -> tuple[Device, ...]:
        """Scan the devices by initialising PortAudio again: it probes them only then."""
        try:
            self._initialise()
            module = self._module
            hosts = module.query_hostapis()
            return tuple(_to_device(hosts, found) for found in module.query_devices())
        except Exception as error:
            raise to_sound_error(error) from error

    def _initialise(self) -> None:
        loaded = "sounddevice" in sys.modules
        # sounddevice loads its library with ASIO only if this is set before the import.
        os.environ.setdefault("SD_ENABLE_ASIO", "1")
        import sounddevice

        self._module = sounddevice
        if self._hangs.is_set():
            self._load_second_copy()
        elif loaded and sounddevice._initialized:
            sounddevice._terminate()
        if not sounddevice._initialized:
            # JACK's thread starts here, that of other hosts when a stream is started.
            self._threads_before = realtime_priority.find_native_threads()
            sounddevice._initialize()

    def _load_second_copy(self) -> None:
        """Abandon a PortAudio that hangs, with its threads, and load a second copy of the library.

        WORKAROUND PortAudio's JACK host waits ten minutes for a callback when a stream is stopped
        after its server died (WaitCondition in src/hostapi/jack/pa_jack.c), and terminating or
        closing would wait as well. A copy of the file has its own state.
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
        """Open an output without clipping and dithering: the kernel has a limiter."""
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
        """Play and record with one duplex stream, whose input and output frames are aligned."""
        module = self._module
        recorded = np.zeros(len(played), np.float32)
        done = threading.Event()
        place = 0

        def process_block(incoming: _Module, outgoing: _Module, frames: int, *_: object) -> None:
            nonlocal place
            count = min(frames, len(played) - place)
            outgoing[:] = 0.0
            outgoing[:count] = played[place : place + count, np.newaxis]
            recorded[place : place + count] = incoming[:count].sum(axis=1)
            place += count
            if place == len(played):
                done.set()

        try:
            duplex = module.Stream(
                samplerate=output.rate,
                blocksize=output.block_frames,
                device=(source.device.index, output.device.index),
                channels=(source.channels, output.channels),
                dtype="float32",
                latency="low",
                callback=process_block,
            )
        except (module.PortAudioError, ValueError) as error:
            raise to_sound_error(error) from error
        stream = PortAudioStream(duplex, self._hangs, self._threads_before)
        try:
            stream.start()
            done.wait(len(played) / output.rate + LOOP_BACK_MARGIN_S)
        finally:
            stream.close()
        return recorded

    def peek(self) -> tuple[Device, ...]:
        """List the devices from another process: a scan in this one would close its streams."""
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
        """Terminate PortAudio."""
        if self._module is None:
            return
        if self._hangs.is_set():
            # At exit sounddevice terminates an initialised PortAudio, which would take minutes.
            self._module._initialized = 0
        elif self._module._initialized:
            self._module._terminate()


class PortAudioStream:
    """A sounddevice stream as a SoundStream."""

    def __init__(
        self, stream: _Module, hangs: threading.Event, threads_before: frozenset[int]
    ) -> None:
        self._stream = stream
        self._hangs = hangs
        self._threads_before = threads_before
        self._threads: frozenset[int] = frozenset()
        self._left_behind = False

    def start(self) -> None:
        """Start the callbacks, with real-time priority where the system grants it."""
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
        """Close the stream; abandon a driver that hangs."""
        closing = threading.Thread(target=self._close, name="closing sound", daemon=True)
        # A driver that hangs may wake up: by then each of its streams must have been aborted, or
        # its callback would write to the same memory as that of the next stream.
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
        # Ten minutes later, when JACK's host has given up, sounddevice would pass this stream to
        # the second copy of the library, and crash.
        if not self._left_behind:
            self._stream.close(ignore_errors=True)

    @property
    def active(self) -> bool:
        """Whether the stream is active according to PortAudio."""
        try:
            return bool(self._stream.active)
        except Exception:  # PortAudio's own error class is known only once it is loaded
            return False

    @property
    def latency_s(self) -> float:
        """The latency that PortAudio reports."""
        return float(self._stream.latency)


def _make_host_settings(module: _Module, plan: StreamPlan) -> _Module:
    """Return the host-specific settings of a stream, or None."""
    if not plan.exclusive:
        return None
    if plan.device.host == "Windows WASAPI":
        return module.WasapiSettings(exclusive=True)
    if plan.device.host == "Core Audio":
        return module.CoreAudioSettings(change_device_parameters=True)
    return None


def find_loaded_library(name: str) -> Path | None:
    """Return the file of a loaded library; None where the system does not tell."""
    maps = Path("/proc/self/maps")
    if not maps.exists():
        return None
    for line in maps.read_text().splitlines():
        path = Path(line.split(maxsplit=5)[-1])
        # The file of an earlier second copy has been deleted.
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
    """Convert an error to a SoundError with PortAudio's text, without its error number."""
    if isinstance(error, OSError | ImportError):
        return SoundSystemMissing(str(error))
    text = str(error.args[0]) if error.args else type(error).__name__
    return SoundError(text.removesuffix("]").split(" [PaErrorCode")[0])
