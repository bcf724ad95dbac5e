"""SixteenNotes: the pads play notes of the selected pad while the session says so. Main thread."""

from __future__ import annotations

from typing import Protocol

from app.model.session import Session


class Keys(Protocol):
    """What this needs of app.audio.keyboard.Keyboard."""

    pad: int | None
    """The pad whose notes are played; None: each pad plays itself."""


class SixteenNotes:
    """The pad that was selected when it was switched on keeps the keyboard until it is off."""

    def __init__(self, session: Session, keyboard: Keys) -> None:
        self._session = session
        self._keyboard = keyboard
        session.settings_changed.connect(self.use_settings)

    def use_settings(self) -> None:
        """Switch on or off."""
        if not self._session.sixteen_notes:
            self._keyboard.pad = None
        elif self._keyboard.pad is None:
            self._keyboard.pad = self._session.selected
            self._session.say(f"The pads play notes of pad {self._session.selected + 1}.")
