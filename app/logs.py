"""Logs: log and crash files that a player can send. Set up once, on the main thread."""

from __future__ import annotations

import faulthandler
import logging
import logging.handlers
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import TextIO

LOG_FILE = "pingpad.log"
CRASH_FILE = "crash.log"
MOST_BYTES = 1_000_000
FORMAT = "%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"

log = logging.getLogger("pingpad")


class Logs:
    """Installs log handler, exception hooks and faulthandler; `stop` removes them."""

    def __init__(self, folder: Path) -> None:
        """Start to log into the folder, or to the terminal where that is not writable."""
        self._root = logging.getLogger()
        self._level = self._root.level
        self._hooks = sys.excepthook, threading.excepthook
        self._crash: TextIO | None = None
        self.file: Path | None = None
        self._handler = self._open(folder)
        self._handler.setFormatter(logging.Formatter(FORMAT))
        self._root.addHandler(self._handler)
        self._root.setLevel(logging.INFO)
        sys.excepthook = self._log_exception
        threading.excepthook = self._log_thread_exception

    def stop(self) -> None:
        """Close the files and restore the hooks."""
        sys.excepthook, threading.excepthook = self._hooks
        self._root.removeHandler(self._handler)
        self._root.setLevel(self._level)
        self._handler.close()
        if self._crash is not None:
            faulthandler.disable()
            self._crash.close()

    def _open(self, folder: Path) -> logging.Handler:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handler = logging.handlers.RotatingFileHandler(
                folder / LOG_FILE, maxBytes=MOST_BYTES, backupCount=2, encoding="utf-8"
            )
            self._crash = (folder / CRASH_FILE).open("a", encoding="utf-8")
        except OSError:
            return logging.StreamHandler()
        faulthandler.enable(self._crash)
        self.file = folder / LOG_FILE
        return handler

    def _log_exception(
        self,
        kind: type[BaseException],
        error: BaseException,
        traceback: TracebackType | None,
    ) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            log.critical("a bug", exc_info=(kind, error, traceback))
        self._hooks[0](kind, error, traceback)

    def _log_thread_exception(self, happened: threading.ExceptHookArgs) -> None:
        if happened.exc_value is not None:
            log.critical(
                "a bug in thread %s",
                happened.thread.name if happened.thread else "?",
                exc_info=(happened.exc_type, happened.exc_value, happened.exc_traceback),
            )
        self._hooks[1](happened)
