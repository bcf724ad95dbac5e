"""`main.py bench --realtime`: hits timed while the engine never rests and the window repaints.

Qt has the main thread, as in the instrument; what plays and measures has a thread of its own.
"""

from __future__ import annotations

import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.audio.realtime_bench import RealtimeReport, measure_realtime
from app.bootstrap import Instrument
from app.errors import PlayerError
from app.settings import Folders
from engine.api import Answer, Failed, Finished, Recipe
from engine.client import EngineThread

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

RECIPE = Recipe("punchy 909 kick", seconds=2.0, steps=8)
FRAME_MS = 16
FIRST_SOUND_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class LoadedReport:
    """The hits, and what went on beside them: sounds made and whole windows painted."""

    realtime: RealtimeReport
    sounds_made: int
    windows_painted: int


class _Counter:
    """Numbers that two threads add to and one reads at the end."""

    def __init__(self) -> None:
        self.sounds = 0
        self.windows = 0


def measure_under_load(minutes: float, model_folder: Path) -> LoadedReport:
    """Measure for `minutes` on the main thread's event loop. Raises PlayerError."""
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    application = QApplication.instance() or QApplication(["pingpad"])
    counter, outcome = _Counter(), list[RealtimeReport | BaseException]()

    def measure() -> None:
        try:
            outcome.append(measure_realtime(minutes, lambda: _generating(model_folder, counter)))
        except BaseException as error:
            outcome.append(error)

    def watch() -> None:
        if not measuring.is_alive():
            application.quit()

    measuring = threading.Thread(target=measure, name="bench", daemon=True)
    before = signal.signal(signal.SIGINT, lambda *_: application.quit())
    try:
        with tempfile.TemporaryDirectory() as home:
            window = _window(Path(home))
            frames = QTimer(window, interval=FRAME_MS)
            frames.timeout.connect(lambda: _paint(window, counter))
            frames.timeout.connect(watch)
            frames.start()
            measuring.start()
            application.exec()
            window.close()
    finally:
        signal.signal(signal.SIGINT, before)
    if not outcome:
        raise KeyboardInterrupt
    if not isinstance(outcome[0], RealtimeReport):
        raise outcome[0]
    return LoadedReport(outcome[0], counter.sounds, counter.windows)


def _window(home: Path) -> MainWindow:
    """Show the window of an instrument that has not started: it opens and writes nothing."""
    from app.ui.main_thread import MainThread
    from app.ui.main_window import MainWindow, Monitors

    main_thread = MainThread()
    folders = Folders(home / "config", home / "data", home / "logs")
    instrument = Instrument(folders, main_thread.post, remember=False)
    monitors = Monitors(instrument.mixer, instrument.recorder)
    window = MainWindow(instrument.session, instrument.actions, monitors, main_thread)
    window.show()
    return window


def _paint(window: MainWindow, counter: _Counter) -> None:
    window.repaint()
    counter.windows += 1


@contextmanager
def _generating(model_folder: Path, counter: _Counter) -> Iterator[None]:
    """Make one sound after the other; entered once the first one is there."""
    began, broken = threading.Event(), list[str]()

    def on_answer(answer: Answer) -> None:
        if isinstance(answer, Failed):
            broken.append(answer.message)
            began.set()
        elif isinstance(answer, Finished):
            counter.sounds += 1
            began.set()
            engine.generate(RECIPE)

    engine = EngineThread(on_answer, model_folder)
    engine.start()
    engine.generate(RECIPE)
    try:
        if not began.wait(FIRST_SOUND_WITHIN_S):
            raise PlayerError(f"The engine made no sound within {FIRST_SOUND_WITHIN_S:g} s.")
        if broken:
            raise PlayerError(broken[0])
        yield
    finally:
        engine.stop()
    if broken:
        raise PlayerError(broken[0])
