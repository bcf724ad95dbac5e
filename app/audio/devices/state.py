"""DeviceRequest and AudioState: the requested and the open sound devices. Values, any thread."""

from __future__ import annotations

from dataclasses import dataclass

from app.audio.devices.round_trip import RoundTrip
from app.audio.devices.sound_system import FIRST_TWO, Channels

OPENING = "Opening the sound output…"


@dataclass(frozen=True, slots=True)
class MeasuredTrip:
    """A measured round trip and its setup; devices are given by their full names."""

    output: str
    input: str
    rate: int
    block_frames: int
    milliseconds: float
    spread_ms: float
    """From the earliest to the latest click."""
    heard: int
    """How many clicks were detected."""


@dataclass(frozen=True, slots=True)
class AudioState:
    """The open devices. Names are None where there is no device; `message` says what to do, or "".

    `latency_ms` is from a hit's frame to the loudspeaker as the sound system reports it, including
    the limiter's look-ahead; `round_trip_ms` adds the way through the air to the input's callback.
    `outputs` and `inputs` are the names to choose from.

    `round_trip` is the measurement with these devices, this rate and this block size, without the
    look-ahead; None before. `round_trips` are all known ones. `input_channels` is how many channels
    the input has, `channels` those that are recorded; `realtime` is whether the output's callbacks
    have real-time priority; `exclusive` is whether the system has an exclusive mode.
    """

    output_name: str | None = None
    input_name: str | None = None
    rate: int = 48_000
    block_frames: int = 0
    latency_ms: float = 0.0
    round_trip_ms: float = 0.0
    message: str = OPENING
    outputs: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    round_trip: RoundTrip | None = None
    round_trips: tuple[MeasuredTrip, ...] = ()
    input_channels: int = 0
    channels: Channels = FIRST_TWO
    realtime: bool = True
    exclusive: bool = False

    @property
    def hit_latency_s(self) -> float:
        """Seconds from a hit that happens now to its sound: one block plus the output latency."""
        if self.output_name is None:
            return 0.0
        return self.block_frames / self.rate + self.latency_ms / 1000.0


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """The player's choice: device names, None for the best available.

    Block and rate 0 are the device's own, with longer blocks if it misses blocks. `exclusive`
    requests exclusive mode where available. `round_trips` are those known from earlier sessions.
    """

    output: str | None = None
    input: str | None = None
    block_frames: int = 0
    rate: int = 0
    channels: Channels = FIRST_TWO
    exclusive: bool = False
    round_trips: tuple[MeasuredTrip, ...] = ()
