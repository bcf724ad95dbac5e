"""PlayModes: how all pads play, as the session says: notes of one pad, full level. Main thread."""

from __future__ import annotations

from app.audio.mixer.keyboard import Keyboard
from app.model.session import Session


class PlayModes:
    """The pad selected when sixteen notes were switched on keeps them until they are off."""

    def __init__(self, session: Session, keyboard: Keyboard) -> None:
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
