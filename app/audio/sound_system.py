"""What Pingpad asks of a sound system: devices, streams, and which of them to use. No device here.

`app.audio.stream` implements it for PortAudio, tests with a double that holds to the same rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

HOSTS = ("JACK Audio Connection Kit", "Core Audio", "ASIO", "Windows WASAPI", "ALSA")
"""Best first: short and steady blocks before everything else. Any other host comes after them."""


class SoundError(Exception):
    """A device or the whole sound system cannot be used; the text says why in a few words."""


class SoundSystemMissing(SoundError):  # noqa: N818 - it is what it says
    """There is no sound system on this computer; looking again would not find one."""


@dataclass(frozen=True, slots=True)
class Device:
    """A sound device. `outputs` and `inputs` are channels, 0 for none; `rate` its own, in Hz."""

    index: int
    name: str
    host: str
    outputs: int
    inputs: int
    rate: int
    is_default_output: bool = False
    is_default_input: bool = False


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """How to open a stream. `callback` and `memory` are addresses; block 0 leaves it the device."""

    device: Device
    rate: int
    channels: int
    block_frames: int
    callback: int
    memory: int


class SoundStream(Protocol):
    """An open stream: started once, closed once, asked nothing after that."""

    def start(self) -> None:
        """Let the callbacks begin. Raises SoundError."""

    def close(self) -> None:
        """End the callbacks and let the device go; never raises."""

    @property
    def active(self) -> bool:
        """Whether the device still calls back, as far as the sound system knows."""

    @property
    def latency_s(self) -> float:
        """Seconds between a callback and its sound, as the sound system reckons."""


class SoundSystem(Protocol):
    """Where devices and streams come from. One thread calls all of it."""

    def scan(self) -> tuple[Device, ...]:
        """Look for devices anew; only while no stream is open. Raises SoundError."""

    def peek_inputs(self) -> frozenset[str]:
        """Names of the inputs there are now, without disturbing open streams; may take a second."""

    def open_output(self, plan: StreamPlan) -> SoundStream:
        """Open an output; raises SoundError."""

    def open_input(self, plan: StreamPlan) -> SoundStream:
        """Open an input; raises SoundError."""

    def shut(self) -> None:
        """Let go of the sound system; only while no stream is open."""


def outputs_to_try(devices: Sequence[Device], wanted: str | None) -> list[Device]:
    """Return outputs in the order to try: the wanted one, then each host's own default."""
    outputs = [device for device in devices if device.outputs > 0]
    named = [device for device in outputs if device.name == wanted]
    defaults = [device for device in outputs if device.is_default_output]
    return _best_host_first(named) + [d for d in _best_host_first(defaults) if d not in named]


def inputs_to_try(
    devices: Sequence[Device], wanted: str | None, output: Device | None
) -> list[Device]:
    """Return inputs in the order to try: the wanted one, then defaults, the output's host first."""
    inputs = [device for device in devices if device.inputs > 0]
    named = [device for device in inputs if device.name == wanted]
    defaults = _best_host_first([device for device in inputs if device.is_default_input])
    if output is not None:
        defaults.sort(key=lambda device: device.host != output.host)
    return _best_host_first(named) + [device for device in defaults if device not in named]


def _best_host_first(devices: Sequence[Device]) -> list[Device]:
    def rank(device: Device) -> int:
        return HOSTS.index(device.host) if device.host in HOSTS else len(HOSTS)

    return sorted(devices, key=rank)
