"""Messages about sound devices for the player: what is wrong and what to do. Plain functions."""

from __future__ import annotations

from app.audio.devices.device_choice import is_called
from app.audio.devices.sound_system import Channels, Device, SoundError

AGAIN = "Pingpad looks again every two seconds."
NO_OUTPUT = f"No sound output found. Plug one in or start JACK; {AGAIN}"
NO_INPUT = "No microphone found: pads play, Record does not. Plug one in; Pingpad finds it."
NO_SYSTEM = (
    "Sound needs PortAudio, which is not installed. On Debian and Ubuntu: sudo apt install "
    "libportaudio2. Then start Pingpad again."
)


def explain_failed_scan(error: SoundError) -> str:
    """Say that the sound system itself failed."""
    return f"The sound system does not answer ({error}). {AGAIN}"


def explain_failed_output(device: Device, error: SoundError) -> str:
    """Say which output could not be opened."""
    return f"{device.name} could not be opened ({error}). Close other programs that use it; {AGAIN}"


def explain_failed_input(device: Device, error: SoundError) -> str:
    """Say which microphone could not be opened."""
    return (
        f"The microphone {device.name} could not be opened ({error}): pads play, "
        "Record does not. Close other programs that use it, then choose it again."
    )


def explain_lost_output(name: str) -> str:
    """Say that the output is gone."""
    return f"The sound output {name} is gone. Plug it in again; {AGAIN}"


def explain_lost_input(name: str) -> str:
    """Say that the microphone is gone."""
    return f"The microphone {name} is gone. Plug it in; Pingpad finds it."


def explain_other_device(requested: str | None, device: Device, doing: str) -> str:
    """Say that a device stands in for the requested one; "" when it is the requested one."""
    if requested is None or is_called(device, requested):
        return ""
    return f"{requested} is not there: {doing} {device.name} until it is back."


def explain_other_rate(requested: int, device: Device, rate: int) -> str:
    """Say that a device plays at another rate than the requested one; "" when it does not."""
    if requested in (0, rate):
        return ""
    return f"{device.name} cannot do {requested / 1000:g} kHz: playing at {rate / 1000:g} kHz."


def explain_other_channels(requested: Channels, device: Device, channels: Channels) -> str:
    """Say that other channels than the requested ones are recorded; "" when they are not."""
    if not requested.count or requested == channels:
        return ""
    return f"{device.name} has no input {requested}: recording from {channels}."
