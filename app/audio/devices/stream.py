"""Opens, names, watches and closes sound devices by PortAudio: the only module with sounddevice.

A thread of its own owns PortAudio from first to last: it scans, opens and closes there, because
some of its hosts (WASAPI) insist on one thread, and because scanning takes longer than a window
may wait.
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
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.audio.devices import realtime_priority
from app.audio.devices.device_keeper import DeviceKeeper
from app.audio.devices.sound_system import (
    Device,
    SoundError,
    SoundStream,
    SoundSystem,
    SoundSystemMissing,
    StreamPlan,
)
from app.audio.devices.state import AudioState, DeviceRequest
from app.audio.mixer.mixer import Mixer
from app.audio.recording.recorder import InputRecorder

__all__ = ["AudioDevices", "AudioState", "PortAudio"]

POLL_EVERY_S = 0.1
CLOSE_WITHIN_S = 5.0
DRIVER_WITHIN_S = 2.0
"""A driver that needs longer to close a stream hangs."""
TOLD_WITHIN_S = 0.2
"""A driver that hangs already is told to end another stream, not waited for."""
PEEK_WITHIN_S = 5.0

_PEEK = """
import json, sounddevice
print(json.dumps([sounddevice.query_hostapis(), list(sounddevice.query_devices())]))
"""

_Module: TypeAlias = Any
"""sounddevice has no types; it is loaded late, on the sound thread."""

_log = logging.getLogger(__name__)

_left_behind: list[_Module] = []
"""Libraries that still have threads inside: they must never be unloaded."""


class AudioDevices:
    """Keeps sound going by its own thread; `on_change` is called there with every new state."""

    def __init__(
        self,
        mixer: Mixer,
        recorder: InputRecorder,
        on_change: Callable[[AudioState], None],
        system: SoundSystem | None = None,
    ) -> None:
        """Open nothing yet. `system` is PortAudio unless a test brings its own."""
        self._keeper = DeviceKeeper(mixer, recorder, system or PortAudio())
        self._on_change = on_change
        self._state = AudioState(rate=mixer.rate)
        self._requests: list[DeviceRequest] = []
        self._request = DeviceRequest()
        self._to_measure = False
        self._changed = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> AudioState:
        """What is open now."""
        return self._state

    def open(
        self,
        request: DeviceRequest = DeviceRequest(),  # noqa: B008 - it never changes
        *,
        wait_s: float = 0.0,
    ) -> AudioState:
        """Open what is asked for, closing what is open.

        Returns at once; `on_change` tells what came of it. With `wait_s` it waits up to that long
        and returns what came. The first time on a machine the kernel is compiled, some seconds.
        """
        with self._changed:
            self._request = request
            self._requests.append(self._request)
            if self._thread is None:
                self._stopping = False
                self._thread = threading.Thread(target=self._watch, name="sound", daemon=True)
                self._thread.start()
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._requests, wait_s)
        return self._state

    def rescan(self, wait_s: float = 0.0) -> AudioState:
        """Look for devices anew and open what was asked for last; sound stops for a moment."""
        return self.open(self._request, wait_s=wait_s)

    def measure(self) -> None:
        """Measure the round trip: some seconds of clicks, while nothing else sounds."""
        with self._changed:
            self._to_measure = True
            self._changed.notify_all()

    def close(self) -> None:
        """Close everything; bounded, even when a driver hangs."""
        with self._changed:
            thread, self._thread = self._thread, None
            self._stopping = True
            self._changed.notify_all()
        if thread is not None:
            thread.join(CLOSE_WITHIN_S)
            if thread.is_alive():
                _log.warning("the sound device did not close within %g s", CLOSE_WITHIN_S)

    # --- the sound thread ---

    def _watch(self) -> None:
        try:
            while self._wait():
                self._poll()
        except Exception as error:
            _log.exception("the sound thread failed")
            self._publish(AudioState(message=f"Sound stopped ({error}). Start Pingpad again."))
        finally:
            self._keeper.close()
            self._remove_requests(len(self._requests))

    def _wait(self) -> bool:
        """Wait for a request or for the next poll; False when it is time to stop."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._requests or self._to_measure or self._stopping, POLL_EVERY_S
            )
            return not self._stopping

    def _poll(self) -> None:
        with self._changed:
            requests = list(self._requests)
            to_measure = self._to_measure and not requests
            if to_measure:
                self._to_measure = False
        if requests:
            self._keeper.choose(requests[-1], time.monotonic())
        elif to_measure:
            # Told in between, so that the same result twice is news twice.
            self._publish(replace(self._state, loop=None))
            self._keeper.measure(time.monotonic)
        else:
            self._keeper.poll(time.monotonic())
        self._publish(self._keeper.state())
        self._remove_requests(len(requests))

    def _remove_requests(self, count: int) -> None:
        with self._changed:
            del self._requests[:count]
            self._changed.notify_all()

    def _publish(self, state: AudioState) -> None:
        """Tell what is new; a listener's bug must not silence the instrument."""
        if state == self._state:
            return
        self._state = state
        try:
            self._on_change(state)
        except Exception:
            _log.exception("a listener failed on %s", state)


class PortAudio:
    """The sound system of the real world. One thread calls all of it."""

    def __init__(self) -> None:
        """Load nothing yet: PortAudio looks at every device when it is loaded."""
        self._module: _Module = None
        self._stuck = threading.Event()
        self._threads_before: frozenset[int] = frozenset()

    def scan(self) -> tuple[Device, ...]:
        """Look for devices anew. PortAudio looks only when it is initialised: so it is, again."""
        try:
            self._initialise()
            module = self._module
            hosts = module.query_hostapis()
            return tuple(_device(hosts, found) for found in module.query_devices())
        except Exception as error:
            raise sound_error(error) from error

    def _initialise(self) -> None:
        loaded = "sounddevice" in sys.modules
        # sounddevice takes its library with ASIO only when this is set before it is loaded.
        os.environ.setdefault("SD_ENABLE_ASIO", "1")
        import sounddevice

        self._module = sounddevice
        if self._stuck.is_set():
            self._replace_library()
        elif loaded and sounddevice._initialized:
            sounddevice._terminate()
        if not sounddevice._initialized:
            # JACK's thread begins here, the others' when a stream is started.
            self._threads_before = realtime_priority.find_native_threads()
            sounddevice._initialize()

    def _replace_library(self) -> None:
        """Leave a PortAudio that hangs behind, with its threads, and load a copy beside it.

        WORKAROUND PortAudio's JACK host waits ten minutes for a callback when a stream is stopped
        after its server died (WaitCondition in src/hostapi/jack/pa_jack.c), and terminating or
        closing would wait as well. A copy of the file has state of its own.
        """
        module = self._module
        loaded_from = _loaded_library("libportaudio")
        if loaded_from is None:
            raise SoundError("the sound system hangs; start Pingpad again")
        _left_behind.append(module._lib)
        with tempfile.TemporaryDirectory(prefix="pingpad-") as folder:
            copy = shutil.copy(loaded_from, folder)
            module._lib = module._ffi.dlopen(str(copy))
        module._initialized = 0
        self._stuck.clear()

    def open_output(self, plan: StreamPlan) -> SoundStream:
        """Open an output; the kernel limits, so PortAudio neither clips nor dithers."""
        return self._open("output", plan)

    def open_input(self, plan: StreamPlan) -> SoundStream:
        """Open an input."""
        return self._open("input", plan)

    def _open(self, kind: str, plan: StreamPlan) -> SoundStream:
        module = self._module
        try:
            return _PortAudioStream(
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
                    extra_settings=_host_settings(module, plan),
                ),
                self._stuck,
                self._threads_before,
            )
        except (module.PortAudioError, ValueError) as error:
            raise sound_error(error) from error

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
            raise sound_error(error) from error
        stream = _PortAudioStream(both, self._stuck, self._threads_before)
        try:
            stream.start()
            done.wait(len(played) / output.rate + CLOSE_WITHIN_S)
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
        return tuple(_device(hosts, found) for found in devices)

    def shut(self) -> None:
        """Let go of every host."""
        if self._module is None:
            return
        if self._stuck.is_set():
            # sounddevice terminates at exit what counts as initialised: this would take minutes.
            self._module._initialized = 0
        elif self._module._initialized:
            self._module._terminate()


class _PortAudioStream:
    """A sounddevice stream behind the four things Pingpad needs of it."""

    def __init__(
        self, stream: _Module, stuck: threading.Event, threads_before: frozenset[int]
    ) -> None:
        self._stream = stream
        self._stuck = stuck
        self._threads_before = threads_before
        self._threads: frozenset[int] = frozenset()
        self._left_behind = False

    def start(self) -> None:
        before = realtime_priority.find_native_threads()
        try:
            self._stream.start()
        except Exception as error:
            raise sound_error(error) from error
        now = realtime_priority.find_native_threads()
        realtime_priority.request(now - before)
        self._threads = now - self._threads_before

    @property
    def realtime(self) -> bool:
        return not realtime_priority.SUPPORTED or realtime_priority.is_granted(self._threads)

    def close(self) -> None:
        closing = threading.Thread(target=self._close, name="closing sound", daemon=True)
        # A driver that hangs may awake: every stream of it must have been told to end by then, or
        # its callback would write to the same memory as the next one's.
        self._left_behind = self._stuck.is_set()
        closing.start()
        closing.join(TOLD_WITHIN_S if self._left_behind else DRIVER_WITHIN_S)
        if closing.is_alive() and not self._left_behind:
            _log.warning("the sound driver hangs; it is left behind")
            self._left_behind = True
            self._stuck.set()

    def _close(self) -> None:
        # Aborted, not stopped: a device that was pulled out never plays its last block.
        self._stream.abort(ignore_errors=True)
        # Ten minutes later, when JACK's host has given up, sounddevice would hand this stream to
        # the copy of the library that took over, and crash.
        if not self._left_behind:
            self._stream.close(ignore_errors=True)

    @property
    def active(self) -> bool:
        try:
            return bool(self._stream.active)
        except Exception:  # PortAudio's own error class is known only once it is loaded
            return False

    @property
    def latency_s(self) -> float:
        return float(self._stream.latency)


def _host_settings(module: _Module, plan: StreamPlan) -> _Module:
    """Return what a host has to know besides; None for nothing."""
    if not plan.exclusive:
        return None
    if plan.device.host == "Windows WASAPI":
        return module.WasapiSettings(exclusive=True)
    if plan.device.host == "Core Audio":
        return module.CoreAudioSettings(change_device_parameters=True)
    return None


def _loaded_library(name: str) -> Path | None:
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


def _device(hosts: _Module, found: _Module) -> Device:
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


def sound_error(error: Exception) -> SoundError:
    """Return the error in Pingpad's words: PortAudio's own text, without its number."""
    if isinstance(error, OSError | ImportError):
        return SoundSystemMissing(str(error))
    text = str(error.args[0]) if error.args else type(error).__name__
    return SoundError(text.removesuffix("]").split(" [PaErrorCode")[0])
