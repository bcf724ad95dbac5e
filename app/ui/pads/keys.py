"""PadKeys: plays the pads by the computer keyboard while no text is being typed. Main thread.

The layout is that of trackers: a piano octave on the two lower rows, the next one above. Keys are
recognised by position, whatever letter is printed there.
"""

from __future__ import annotations

import sys

from PySide6.QtCore import QEvent, QKeyCombination, QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QLineEdit, QWidget

from app.actions.pads.pad_trigger import PadTrigger
from app.model.session import Session

QWERTY = "ZSXDCVGBHNJMQ2W3"
QWERTZ = QWERTY.replace("Z", "Y")
AZERTY = 'WSXDCVGBHNJ,AÉZ"'
QWERTZ_LANGUAGES = ("de", "cs", "sk", "hu", "sl", "hr")

# PC scan codes (set 1) of the keys of QWERTY; X11 and Wayland count 8 higher.
SCAN_CODES = (44, 31, 45, 32, 46, 47, 34, 48, 35, 49, 36, 50, 16, 3, 17, 4)
X11_OFFSET = 8

VARY = QKeyCombination(Qt.KeyboardModifier.ControlModifier, Qt.Key.Key_E)
"""The window's shortcut for a variation, in a text field too."""


def find_letters(language: str) -> str:
    """Return the letters on the sixteen keys, by the keyboard's language ("de", "fr" ...)."""
    if language in QWERTZ_LANGUAGES:
        return QWERTZ
    return AZERTY if language == "fr" else QWERTY


def read_keyboard_letters() -> str:
    """Return the letters on the sixteen keys of this machine, as far as the desktop knows."""
    return find_letters(QGuiApplication.inputMethod().locale().name()[:2])


def is_text_focused() -> bool:
    """Return whether a text field has the focus."""
    return isinstance(QApplication.focusWidget(), QLineEdit | QAbstractSpinBox)


class PadKeys(QObject):
    """Filters the application's keys: pads, Record, tempo, and the shortcut to the prompt."""

    record_pressed = Signal()
    record_released = Signal()
    record_toggled = Signal()
    tempo_tapped = Signal()
    prompt_requested = Signal()

    def __init__(self, session: Session, hits: PadTrigger, window: QWidget, letters: str) -> None:
        super().__init__(window)
        self._session = session
        self._hits = hits
        self._window = window
        self._pads_by_key = {ord(letter): pad for pad, letter in enumerate(letters)}
        offset = 0 if sys.platform == "win32" else X11_OFFSET
        self._pads_by_scan_code = {code + offset: pad for pad, code in enumerate(SCAN_CODES)}
        self._held: dict[int, int] = {}
        self._recording = False

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Consume the keys that play; pass everything else on."""
        kind = event.type()
        if kind == QEvent.Type.WindowDeactivate and watched is self._window:
            self.release_all()
        if not isinstance(event, QKeyEvent) or not isinstance(watched, QWidget):
            return False
        if watched.window() is not self._window:
            return False
        if kind == QEvent.Type.ShortcutOverride and event.keyCombination() == VARY:
            event.ignore()  # on X11 a text field would take it to go to the end of the line
            return True
        if kind == QEvent.Type.KeyPress:
            return self._press(event)
        if kind == QEvent.Type.KeyRelease:
            return self._release(event)
        return False

    def release_all(self) -> None:
        """Release all held keys, because their release events will go to another window."""
        for pad in self._held.values():
            self._hits.release(pad)
        self._held.clear()
        if self._recording:
            self._recording = False
            self.record_released.emit()

    def _find_pad(self, event: QKeyEvent) -> int | None:
        code = event.nativeScanCode() if sys.platform != "darwin" else 0
        if code > 1:
            return self._pads_by_scan_code.get(code)
        return self._pads_by_key.get(event.key())

    def _press(self, event: QKeyEvent) -> bool:
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        control = modifiers == Qt.KeyboardModifier.ControlModifier
        if control and event.key() == Qt.Key.Key_L:
            self.prompt_requested.emit()
            return True
        if is_text_focused():
            return False
        if modifiers not in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier):
            return False
        shifted = modifiers == Qt.KeyboardModifier.ShiftModifier
        return self._press_pad(event, shifted) or self._press_other(event, shifted)

    def _press_pad(self, event: QKeyEvent, shifted: bool) -> bool:
        pad = self._find_pad(event)
        if pad is None:
            return False
        if event.isAutoRepeat():
            return True
        if shifted:
            self._session.select(pad)
        else:
            self._held[self._get_key_id(event)] = pad
            self._hits.hit(pad, 1.0)
        return True

    def _press_other(self, event: QKeyEvent, shifted: bool) -> bool:
        if event.text() == "/":
            self.prompt_requested.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self._hits.stop_all()
        elif event.isAutoRepeat() and event.key() in (Qt.Key.Key_R, Qt.Key.Key_T):
            pass
        elif event.key() == Qt.Key.Key_R and shifted:
            self.record_toggled.emit()
        elif event.key() == Qt.Key.Key_R:
            self._recording = True
            self.record_pressed.emit()
        elif event.key() == Qt.Key.Key_T:
            self.tempo_tapped.emit()
        else:
            return False
        return True

    def _release(self, event: QKeyEvent) -> bool:
        if event.isAutoRepeat():
            return self._get_key_id(event) in self._held
        pad = self._held.pop(self._get_key_id(event), None)
        if pad is not None:
            self._hits.release(pad)
            return True
        if event.key() == Qt.Key.Key_R and self._recording:
            self._recording = False
            self.record_released.emit()
            return True
        return False

    def _get_key_id(self, event: QKeyEvent) -> int:
        """Return an id that is the same on press and release, whatever the modifiers."""
        return event.nativeScanCode() or event.key()
