"""PlayModes: how all pads play, as the session says: notes of one pad, full level. Main thread."""

from __future__ import annotations

from typing import Protocol

from app.model.session import Session


class Keys(Protocol):
    """What this needs of app.audio.mixer.keyboard.Keyboard."""

    pad: int | None
    """The pad whose notes are played; None: each pad plays itself."""
    full_level: bool
    """Every hit is as loud as can be."""


class PlayModes:
    """The pad selected when sixteen notes were switched on keeps them until they are off."""

    def __init__(self, session: Session, keyboard: Keys) -> None:
        self._session = session
        self._keyboard = keyboard
        session.settings_changed.connect(self.use_settings)

    def use_settings(self) -> None:
        """Switch on or off."""
        session, keyboard = self._session, self._keyboard
        keyboard.full_level = session.full_level
        if not session.sixteen_notes:
            keyboard.pad = None
        elif keyboard.pad is None:
            keyboard.pad = session.selected
            session.notify(f"The pads play notes of pad {session.selected + 1}.")
