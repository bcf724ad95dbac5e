"""ChooseDevice: which sound output and input are used. Main thread only."""

from __future__ import annotations

from typing import Protocol

from app.model.session import Session


class OpensDevices(Protocol):
    """What choosing needs of app.audio.stream.AudioDevices."""

    def open(self, output: str | None = None, input: str | None = None) -> object:
        """Look for devices anew and open these; returns at once, the session hears of it."""
        ...


class ChooseDevice:
    """The choice stands in the session and is remembered; sound stops for a moment."""

    def __init__(self, session: Session, devices: OpensDevices) -> None:
        self._session = session
        self._devices = devices

    def choose_output(self, name: str | None) -> None:
        """Play through the output of that name; None is the best there is."""
        if self._may_change():
            self._session.output = name
            self._open()

    def choose_input(self, name: str | None) -> None:
        """Record from the input of that name; None is the best there is."""
        if self._may_change():
            self._session.input = name
            self._open()

    def look_again(self) -> None:
        """Look for devices that were plugged in; those chosen are opened if they are there."""
        if self._may_change():
            self._open()

    def _open(self) -> None:
        self._devices.open(self._session.output, self._session.input)

    def _may_change(self) -> bool:
        if self._session.recording:
            self._session.say("End the recording first: another device would cut it.", "warning")
        return not self._session.recording
