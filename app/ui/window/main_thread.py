"""MainThread: posts callables from any thread to Qt's main loop."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal, Slot


class MainThread(QObject):
    """Posts to the thread that made it, the main one."""

    _posted = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._posted.connect(self._call, Qt.ConnectionType.QueuedConnection)

    def post(self, fn: Callable[[], object]) -> None:
        """Run `fn` on the main thread, later and in order; returns at once; from any thread."""
        self._posted.emit(fn)

    @Slot(object)
    def _call(self, fn: Callable[[], object]) -> None:
        fn()
