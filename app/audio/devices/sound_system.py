"""SoundSystem, SoundStream: the protocols of a sound system, with devices and streams as values.

`app.audio.devices.portaudio` implements them, and so does a fake in the tests, which enforces the
rules given here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class SoundError(Exception):
    """A device or the whole sound system cannot be used; the text says why in a few words."""


class SoundSystemMissing(SoundError):  # noqa: N818 - it is what it says
    """There is no sound system on this computer; another scan would not find one."""


@dataclass(frozen=True, slots=True)
class Device:
    """A sound device. `outputs` and `inputs` are channel counts; `rate` is its default, in Hz."""

    index: int
    name: str
    host: str
    outputs: int
    inputs: int
    rate: int
    is_default_output: bool = False
    is_default_input: bool = False


@dataclass(frozen=True, slots=True)
class Channels:
    """Which of an input's channels are recorded, counted from 1; `count` 0: the first two."""

    first: int = 1
    count: int = 0

    def __post_init__(self) -> None:
        """Raise ValueError for channels that cannot be recorded."""
        if self.first < 1 or self.count not in (0, 1, 2):
            raise ValueError(f"channels must be one or two from 1 on, got {self}")

    @classmethod
    def read(cls, text: str) -> Channels:
        """Parse the format of `__str__`; any other text means the first two."""
        first, _, last = text.partition("+")
        try:
            return cls(int(first), max(int(last or first) - int(first) + 1, 1))
        except ValueError:
            return cls()

    def __str__(self) -> str:
        """Return "3", "3+4", or "" for the first two."""
        if self.count == 0:
            return ""
        return str(self.first) if self.count == 1 else f"{self.first}+{self.first + 1}"

    def of(self, inputs: int) -> Channels:
        """Return these channels if a device with so many inputs has them, else the first two."""
        if self.count == 0 or self.first + self.count - 1 > inputs:
            return Channels(1, min(inputs, 2))
        return self


FIRST_TWO = Channels()


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """How to open a stream. `callback` and `memory` are addresses; `block_frames` 0 is the device's
    default; `exclusive` requests exclusive mode where the host has one.
    """

    device: Device
    rate: int
    channels: int
    block_frames: int
    callback: int
    memory: int
    exclusive: bool = False


class SoundStream(Protocol):
    """An open stream: started once, closed once, not used after that."""

    def start(self) -> None:
        """Start the callbacks. Raises SoundError."""

    def close(self) -> None:
        """End the callbacks and release the device; never raises."""

    @property
    def active(self) -> bool:
        """Whether the stream is running, as far as the sound system knows."""

    @property
    def latency_s(self) -> float:
        """Seconds between a callback and its sound, as the sound system reports it."""

    @property
    def realtime(self) -> bool:
        """Whether the callbacks have real-time priority, as far as that is known."""


class SoundSystem(Protocol):
    """Lists devices and opens streams. Used from one thread."""

    def scan(self) -> tuple[Device, ...]:
        """Scan the devices; only while no stream is open. Raises SoundError."""

    def peek(self) -> tuple[Device, ...]:
        """List the present devices without disturbing open streams; may take a second."""

    def open_output(self, plan: StreamPlan) -> SoundStream:
        """Open an output; raises SoundError."""

    def open_input(self, plan: StreamPlan) -> SoundStream:
        """Open an input; raises SoundError."""

    def loop_back(
        self, output: StreamPlan, source: StreamPlan, played: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Play `(frames,)` and return the input of the same frames, channels summed.

        Only while no stream is open; takes as long as the sound. Raises SoundError.
        """

    def shut(self) -> None:
        """Release the sound system; only while no stream is open."""
