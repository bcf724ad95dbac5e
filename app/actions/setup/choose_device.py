"""ChooseDevice: chooses the sound output and input. Main thread only."""

from __future__ import annotations

from typing import Protocol

from app.audio.devices.sound_system import Channels
from app.audio.devices.state import DeviceRequest
from app.model.session import Session


class OpensDevices(Protocol):
    """The part of app.audio.devices.audio_devices.AudioDevices that ChooseDevice needs."""

    def open(self, request: DeviceRequest) -> object:
        """Rescan and open the requested devices; returns at once, the session gets the result."""
        ...

    def measure(self) -> None:
        """Measure the round trip of the open devices; returns at once, as `open`."""
        ...


class ChooseDevice:
    """Each choice is stored in the session and saved; sound stops for a moment."""

    def __init__(self, session: Session, devices: OpensDevices) -> None:
        self._session = session
        self._devices = devices

    def choose_output(self, name: str | None) -> None:
        """Play through the output of that name; None is the best available."""
        if self._may_change():
            self._session.output = name
            self.open_chosen()

    def choose_input(self, name: str | None) -> None:
        """Record from the input of that name; None is the best available."""
        if self._may_change():
            self._session.input = name
            self.open_chosen()

    def choose_channels(self, channels: str) -> None:
        """Record these channels of the input, as in "3" or "1+2"; "" is the first two."""
        if self._may_change():
            self._session.input_channels = channels
            self.open_chosen()

    def choose_block(self, frames: int) -> None:
        """Set the block size in frames; 0 is the device's default."""
        if self._may_change():
            self._session.block_frames = frames
            self.open_chosen()

    def choose_rate(self, rate: int) -> None:
        """Set the sample rate in Hz; 0 is the default."""
        if self._may_change():
            self._session.rate = rate
            self.open_chosen()

    def choose_exclusive(self, exclusive: bool) -> None:
        """Request exclusive use of the devices, where the system supports it."""
        if self._may_change():
            self._session.exclusive = exclusive
            self.open_chosen()

    def look_again(self) -> None:
        """Rescan the devices, and open the chosen ones that are present."""
        if self._may_change():
            self.open_chosen()

    def measure_round_trip(self) -> bool:
        """Measure the round trip by clicks; return whether that has started."""
        may = self._may_change()
        if may:
            self._devices.measure()
        return may

    def open_chosen(self) -> None:
        """Open the chosen devices."""
        session = self._session
        self._devices.open(
            DeviceRequest(
                session.output,
                session.input,
                session.block_frames,
                session.rate,
                Channels.read(session.input_channels),
                session.exclusive,
                session.round_trips,
            )
        )

    def _may_change(self) -> bool:
        if self._session.recording:
            self._session.notify(
                "End the recording first; changing the device would cut it off.", "warning"
            )
        return not self._session.recording
