"""A sound system without sound: holds its user to PortAudio's rules, and calls back when told."""

from __future__ import annotations

import ctypes
import threading
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.audio.devices.sound_system import Device, SoundError, SoundSystemMissing, StreamPlan

CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_ulong,
    ctypes.c_void_p,
    ctypes.c_ulong,
    ctypes.c_void_p,
)
SPEAKERS = Device(0, "Speakers", "ALSA", 2, 0, 48_000, is_default_output=True)
MICROPHONE = Device(1, "Microphone", "ALSA", 0, 1, 44_100, is_default_input=True)


class BrokenRule(AssertionError):  # noqa: N818
    """Something PortAudio does not allow: it would crash or hang."""


class FakeStream:
    """A stream that only moves when `run` is called."""

    def __init__(self, system: FakeSoundSystem, plan: StreamPlan, kind: str) -> None:
        self.plan = plan
        self.kind = kind
        self.started = False
        self.closed = False
        self.pulled_out = False
        self._system = system
        self._call = CALLBACK(plan.callback)

    def start(self) -> None:
        if self.started or self.closed:
            raise BrokenRule("a stream is started once, and not after it was closed")
        if self.plan.device.name in self._system.refuses_start:
            raise SoundError("Device unavailable")
        self.started = True

    def close(self) -> None:
        if self.closed:
            raise BrokenRule("a stream is closed once")
        self.closed = True

    @property
    def active(self) -> bool:
        if self.closed:
            raise BrokenRule("a closed stream is asked nothing")
        return self.started and not self.pulled_out

    @property
    def realtime(self) -> bool:
        return self._system.realtime

    @property
    def latency_s(self) -> float:
        if self.closed:
            raise BrokenRule("a closed stream is asked nothing")
        return self._system.latency_s

    def run(
        self, frames: int, incoming: NDArray[np.float32] | None = None, flags: int = 0
    ) -> NDArray[np.float32]:
        """One callback."""
        if not self.active:
            raise BrokenRule("no callbacks from a stream that does not run")
        out = np.zeros((frames, self.plan.channels), np.float32)
        source = None if incoming is None else np.ascontiguousarray(incoming).ctypes.data
        sink = out.ctypes.data if self.kind == "output" else None
        self._call(source, sink, frames, None, flags, self.plan.memory)
        return out


class FakeSoundSystem:
    """Devices that tests plug in and pull out."""

    def __init__(self, *devices: Device) -> None:
        self.devices = list(devices)
        self.opened: list[FakeStream] = []
        self.refuses_open: set[str] = set()
        self.refuses_start: set[str] = set()
        self.only_own_rate = False
        self.missing = False
        self.broken = ""
        self.may_scan = threading.Event()
        self.may_scan.set()
        self.scans = 0
        self.peeks = 0
        self.latency_s = 0.005
        self.realtime = True
        self.cable_frames: int | None = None
        self.refuses_loop = False
        self.shut_count = 0

    @property
    def open_streams(self) -> list[FakeStream]:
        return [stream for stream in self.opened if not stream.closed]

    def stream(self, kind: str) -> FakeStream:
        """The open stream of a kind."""
        return next(stream for stream in self.open_streams if stream.kind == kind)

    def scan(self) -> tuple[Device, ...]:
        if self.open_streams:
            raise BrokenRule("a scan pulls open streams from under their callbacks")
        self.may_scan.wait(10.0)
        self.scans += 1
        if self.missing:
            raise SoundSystemMissing("no library")
        if self.broken:
            raise SoundError(self.broken)
        return tuple(replace(device, index=i) for i, device in enumerate(self.devices))

    def peek(self) -> tuple[Device, ...]:
        self.peeks += 1
        return tuple(self.devices)

    def loop_back(
        self, output: StreamPlan, source: StreamPlan, played: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        if self.open_streams:
            raise BrokenRule("a device is opened once at a time")
        if self.refuses_loop:
            raise SoundError("Illegal combination of I/O devices")
        heard = np.zeros_like(played)
        if self.cable_frames is not None:
            heard[self.cable_frames :] = played[: len(played) - self.cable_frames]
        return heard

    def open_output(self, plan: StreamPlan) -> FakeStream:
        return self._open(plan, "output", plan.device.outputs)

    def open_input(self, plan: StreamPlan) -> FakeStream:
        return self._open(plan, "input", plan.device.inputs)

    def _open(self, plan: StreamPlan, kind: str, channels: int) -> FakeStream:
        if not 0 < plan.channels <= channels:
            raise BrokenRule(f"{plan.device.name} has {channels} channels, got {plan.channels}")
        if plan.device.name in self.refuses_open:
            raise SoundError("Device unavailable")
        if self.only_own_rate and plan.rate != plan.device.rate:
            raise SoundError("Invalid sample rate")
        stream = FakeStream(self, plan, kind)
        self.opened.append(stream)
        return stream

    def shut(self) -> None:
        if self.open_streams:
            raise BrokenRule("streams are closed before their sound system")
        self.shut_count += 1
