"""What the player asked of the sound devices, and what is open now. Plain values, any thread."""

from __future__ import annotations

from dataclasses import dataclass

from app.audio.devices.round_trip import RoundTrip
from app.audio.devices.sound_system import FIRST_TWO, Channels

OPENING = "Opening the sound output…"


@dataclass(frozen=True, slots=True)
class MeasuredTrip:
    """How long a sound took out and back in, and with what: devices by their full names."""

    output: str
    input: str
    rate: int
    block_frames: int
    milliseconds: float
    spread_ms: float
    """From the earliest to the latest click."""
    heard: int
    """How many clicks came back."""


@dataclass(frozen=True, slots=True)
class AudioState:
    """What sounds now. Names are None where there is no device; `message` says what to do, or "".

    `latency_ms` is from a hit's own frame to the loudspeaker as the sound system reckons it, with
    the limiter's look-ahead; `round_trip_ms` on from there, through the air, to the input's
    callback. `outputs` and `inputs` are the names to choose from.
    `round_trip` is what was measured with these devices, this rate and this block, None before;
    without the look-ahead. `round_trips` are all that are known. `input_channels` is how many
    the input has, `channels` which of them are recorded; `realtime` whether the output's callbacks
    have real-time priority; `exclusive` whether the system can give a device to Pingpad alone.
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
    def heard_after_s(self) -> float:
        """Seconds from what happens now to its sound: one block later, and out of the device."""
        if self.output_name is None:
            return 0.0
        return self.block_frames / self.rate + self.latency_ms / 1000.0


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """What the player asks for: device names, None for the best there is.

    Block and rate 0 are the device's own, with longer blocks where it does not keep up.
    `exclusive`: the device alone, where that can be. `round_trips`: those known from before.
    """

    output: str | None = None
    input: str | None = None
    block_frames: int = 0
    rate: int = 0
    channels: Channels = FIRST_TWO
    exclusive: bool = False
    round_trips: tuple[MeasuredTrip, ...] = ()
