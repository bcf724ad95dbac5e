"""PlayModes: applies the session's sixteen notes and full level to the keyboard. Main thread."""

from __future__ import annotations

from app.audio.mixer.keyboard import Keyboard
from app.model.session import Session


class PlayModes:
    """Sixteen notes stay with the pad that was selected when they were switched on."""

    def __init__(self, session: Session, keyboard: Keyboard) -> None:
        self._session = session
        self._keyboard = keyboard
        session.settings_changed.connect(self.use_settings)

    def use_settings(self) -> None:
        """Apply the session's settings."""
        session, keyboard = self._session, self._keyboard
        keyboard.full_level = session.full_level
        if not session.sixteen_notes:
            keyboard.pad = None
        elif keyboard.pad is None:
            keyboard.pad = session.selected
            session.notify(f"The pads play notes of pad {session.selected + 1}.")
