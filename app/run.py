"""run: opens the instrument with its window, until that is closed. Main thread."""

from __future__ import annotations

import gc
import signal
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QByteArray, QLockFile
from PySide6.QtWidgets import QApplication

from app.bootstrap import Instrument
from app.folders import find_folders
from app.logs import Logs
from app.ui.window.main_thread import MainThread
from app.ui.window.main_window import MainWindow
from app.ui.window.monitors import Monitors


def run(argv: Sequence[str]) -> int:
    """Open the instrument; return when its window is closed. `argv` goes to Qt."""
    folders = find_folders()
    logs = Logs(folders.logs)
    application = QApplication([*argv])
    application.setApplicationName("Pingpad")
    main_thread = MainThread()
    lock = QLockFile(str(folders.data / "pingpad.lock"))
    instrument = Instrument(folders, main_thread.post, autosave=_is_alone(lock, folders.data))
    window = MainWindow(
        instrument.session,
        instrument.actions,
        Monitors(instrument.mixer, instrument.recorder),
        main_thread,
    )
    if instrument.window_geometry:
        window.restoreGeometry(QByteArray.fromHex(instrument.window_geometry.encode()))
    window.show()
    instrument.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: window.close())
    gc.collect()
    # Everything built so far lives until the end: exclude it from garbage collection.
    gc.freeze()
    try:
        return application.exec()
    finally:
        instrument.stop(bytes(window.saveGeometry().toHex().data()).decode())
        lock.unlock()
        logs.stop()


def _is_alone(lock: QLockFile, folder: Path) -> bool:
    """Return whether this is the user's only Pingpad; also True where no lock can be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return True
    lock.setStaleLockTime(0)
    return lock.tryLock(0) or lock.error() != lock.LockError.LockFailedError
