"""KeyRepeats: a workaround for X11's key repeats, so that a held key stays held. Main thread."""

from __future__ import annotations

from dataclasses import dataclass

import shiboken6
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QApplication, QWidget

SPLIT_MS = 15
"""A repeat's press follows its release within a fraction of this, even on a busy machine."""


def platform_splits_repeats() -> bool:
    """Return whether this desktop may report a key repeat as a release and a press."""
    return QGuiApplication.platformName() == "xcb"


@dataclass(frozen=True, slots=True)
class _Release:
    widget: QWidget
    event: QKeyEvent


class KeyRepeats(QObject):
    """Filters the application's keys: a release waits a moment for a press of the same instant.

    WORKAROUND: X11 repeats a key as a release and a press with one time stamp. Qt recognises the
    repeat only if both have been read when it checks (KeyChecker in qxcbkeyboard.cpp); when they
    have not, a player who holds Record would start a new recording at every repeat.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._waiting: dict[int, _Release] = {}
        self._sending = False

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Hold releases back, and turn a press that belongs to one into a repeat."""
        if self._sending or not isinstance(event, QKeyEvent) or not isinstance(watched, QWidget):
            return False
        if event.isAutoRepeat():
            return False
        if event.type() == QEvent.Type.KeyRelease:
            self._hold(_Release(watched, event.clone()))
            return True
        if event.type() == QEvent.Type.KeyPress:
            return self._press(watched, event)
        return False

    def _hold(self, release: _Release) -> None:
        key = _get_key_id(release.event)
        self._waiting[key] = release
        QTimer.singleShot(SPLIT_MS, self, lambda: self._deliver(key, release))

    def _press(self, watched: QWidget, event: QKeyEvent) -> bool:
        key = _get_key_id(event)
        release = self._waiting.get(key)
        if release is None:
            return False
        if release.event.timestamp() != event.timestamp():
            self._deliver(key, release)
            return False
        del self._waiting[key]
        self._send(watched, _make_repeat(event))
        return True

    def _deliver(self, key: int, release: _Release) -> None:
        if self._waiting.get(key) is release:
            del self._waiting[key]
            if shiboken6.isValid(release.widget):
                self._send(release.widget, release.event)

    def _send(self, widget: QWidget, event: QKeyEvent) -> None:
        self._sending = True
        try:
            QApplication.sendEvent(widget, event)
        finally:
            self._sending = False


def _get_key_id(event: QKeyEvent) -> int:
    return event.nativeScanCode() or event.key()


def _make_repeat(event: QKeyEvent) -> QKeyEvent:
    return QKeyEvent(
        event.type(),
        event.key(),
        event.modifiers(),
        event.nativeScanCode(),
        event.nativeVirtualKey(),
        event.nativeModifiers(),
        event.text(),
        True,  # auto-repeat
        event.count(),
    )
