from __future__ import annotations

import logging
import sys
import threading
from pathlib import Path

import pytest

from app.logs import Logs
from tests.log_watch import LogWatch


def test_what_goes_on_and_bugs_of_every_thread_are_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log_watch: LogWatch
) -> None:
    log_watch.expect("a bug", 2)
    monkeypatch.setattr(sys, "excepthook", lambda *_: None)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    logs = Logs(tmp_path / "logs")
    try:
        logging.getLogger("engine").info("made a kick")
        sys.excepthook(ValueError, ValueError("on the main thread"), None)
        thread = threading.Thread(target=lambda: dict[int, int]()[0], name="midi")
        thread.start()
        thread.join()
    finally:
        logs.stop()
    assert logs.file is not None
    text = logs.file.read_text(encoding="utf-8")
    assert "made a kick" in text
    assert "on the main thread" in text
    assert "a bug in thread midi" in text and "KeyError" in text


def test_stop_puts_everything_back(tmp_path: Path) -> None:
    before = sys.excepthook, threading.excepthook, list(logging.getLogger().handlers)
    Logs(tmp_path).stop()
    assert (sys.excepthook, threading.excepthook, logging.getLogger().handlers) == before


def test_a_folder_that_cannot_be_written_does_not_stop_pingpad(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    logs = Logs(tmp_path / "file")
    logs.stop()
    assert logs.file is None
