"""ChooseDevice: which sound output and input are used. Main thread only."""

from __future__ import annotations

from typing import Protocol

from app.audio.devices.sound_system import Channels
from app.audio.devices.state import DeviceRequest
from app.model.session import Session


class OpensDevices(Protocol):
    """What choosing needs of app.audio.devices.audio_devices.AudioDevices."""

    def open(self, request: DeviceRequest) -> object:
        """Look for devices anew and open what is asked for; returns at once, the session hears."""
        ...

    def measure(self) -> None:
        """Measure the round trip with what is open; returns at once, the session hears of it."""
        ...


class ChooseDevice:
    """The choice stands in the session and is saved; sound stops for a moment."""

    def __init__(self, session: Session, devices: OpensDevices) -> None:
        self._session = session
        self._devices = devices

    def choose_output(self, name: str | None) -> None:
        """Play through the output of that name; None is the best there is."""
        if self._may_change():
            self._session.output = name
            self.open_chosen()

    def choose_input(self, name: str | None) -> None:
        """Record from the input of that name; None is the best there is."""
        if self._may_change():
            self._session.input = name
            self.open_chosen()

    def choose_channels(self, channels: str) -> None:
        """Record these channels of the input, as in "3" or "1+2"; "" is the first two."""
        if self._may_change():
            self._session.input_channels = channels
            self.open_chosen()

    def choose_block(self, frames: int) -> None:
        """Ask for blocks of that many frames; 0 leaves it to the device."""
        if self._may_change():
            self._session.block_frames = frames
            self.open_chosen()

    def choose_rate(self, rate: int) -> None:
        """Ask for a rate in Hz; 0 is the usual one."""
        if self._may_change():
            self._session.rate = rate
            self.open_chosen()

    def choose_exclusive(self, exclusive: bool) -> None:
        """Have the devices alone, where the system can do that."""
        if self._may_change():
            self._session.exclusive = exclusive
            self.open_chosen()

    def look_again(self) -> None:
        """Look for devices that were plugged in; those chosen are opened if they are there."""
        if self._may_change():
            self.open_chosen()

    def measure_round_trip(self) -> bool:
        """Play clicks and find them in the input; say whether that begins."""
        may = self._may_change()
        if may:
            self._devices.measure()
        return may

    def open_chosen(self) -> None:
        """Open what was chosen."""
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
