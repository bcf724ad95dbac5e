"""`main.py bench --realtime`: the real-time benchmark while engine and window are busy.

Qt runs on the main thread, as in the instrument; the benchmark runs on a thread of its own.
"""

from __future__ import annotations

import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from app.audio.mixer.keyboard import Keyboard
from app.audio.mixer.mixer import Mixer
from app.bench.jack_player import make_impulse
from app.bench.jack_server import run_jack_server
from app.bench.processes import run_process
from app.bench.realtime import RealtimeReport, check_minutes, measure_realtime
from app.bootstrap import Instrument
from app.folders import HOME_VARIABLE, Folders, find_folders
from app.midi.ports.inputs import MidiInputs
from app.midi.router import PadRouter
from engine.api import Answer, Failed, Finished, Recipe
from engine.errors import PlayerError
from engine.process.client import EngineThread

if TYPE_CHECKING:
    from app.ui.window.main_window import MainWindow

RECIPE = Recipe("punchy 909 kick", seconds=2.0, steps=8)
FRAME_MS = 16
FIRST_SOUND_WITHIN_S = 60.0
STARTS = 3


@dataclass(frozen=True, slots=True)
class LoadedReport:
    """The real-time report, with the sounds generated and the windows painted meanwhile.

    `playable_s` is the time from the start of the program, with its engine, to the first sound of
    a hit: the median of some starts on an idle machine.
    """

    playable_s: float
    realtime: RealtimeReport
    sounds_made: int
    windows_painted: int


class _Counter:
    """Counters that two threads increment and one reads at the end."""

    def __init__(self) -> None:
        self.sounds = 0
        self.windows = 0


def measure_under_load(minutes: float, model_folder: Path) -> LoadedReport:
    """Measure for `minutes` on the main thread's event loop. Raises PlayerError."""
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    check_minutes(minutes)
    playable_s = measure_start()
    application = QApplication.instance() or QApplication(["pingpad"])
    counter, outcome = _Counter(), list[RealtimeReport | BaseException]()

    def measure() -> None:
        try:
            load = partial(_generate_continuously, model_folder, counter)
            outcome.append(measure_realtime(minutes, load, _play_midi))
        except BaseException as error:
            outcome.append(error)

    def watch() -> None:
        if not measuring.is_alive():
            application.quit()

    measuring = threading.Thread(target=measure, name="bench", daemon=True)
    before = signal.signal(signal.SIGINT, lambda *_: application.quit())
    try:
        with tempfile.TemporaryDirectory() as home:
            window = _show_window(Path(home))
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
    return LoadedReport(playable_s, outcome[0], counter.sounds, counter.windows)


@contextmanager
def _play_midi(mixer: Mixer) -> Iterator[None]:
    """Let all MIDI inputs play the mixer's pads."""
    router = PadRouter(Keyboard(mixer), lambda pad, velocity: None)
    ports = MidiInputs(router.receive, lambda state: None)
    ports.start()
    try:
        yield
    finally:
        ports.stop()


def _show_window(home: Path) -> MainWindow:
    """Show the window of an instrument that is not started, so that it opens and writes nothing."""
    from app.ui.window.main_thread import MainThread
    from app.ui.window.main_window import MainWindow
    from app.ui.window.monitors import Monitors

    main_thread = MainThread()
    folders = Folders(home / "config", home / "data", home / "logs")
    instrument = Instrument(folders, main_thread.post, autosave=False)
    monitors = Monitors(instrument.mixer, instrument.recorder)
    window = MainWindow(instrument.session, instrument.actions, monitors, main_thread)
    window.show()
    return window


def _paint(window: MainWindow, counter: _Counter) -> None:
    window.repaint()
    counter.windows += 1


@contextmanager
def _generate_continuously(model_folder: Path, counter: _Counter) -> Iterator[None]:
    """Generate one sound after the other; entered once the first one is finished."""
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


# --- start-up time ---


def measure_start() -> float:
    """Return the seconds from the program's start until a hit sounds. Raises PlayerError."""
    took_s = []
    with run_jack_server("start") as server, tempfile.TemporaryDirectory() as home:
        for _ in range(1 + STARTS):
            begun_s = time.perf_counter()
            environment = {"JACK_DEFAULT_SERVER": server, HOME_VARIABLE: home}
            with run_process("start", environment, "app.bench.under_load"):
                took_s.append(time.perf_counter() - begun_s)
    # The first start compiles the kernel and reads from a cold disk.
    return statistics.median(took_s[1:])


def _start() -> None:
    """Run the whole program, print "ready" when a hit sounds, and end on a line from stdin."""
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from app.ui.window.main_thread import MainThread
    from app.ui.window.main_window import MainWindow
    from app.ui.window.monitors import Monitors

    application = QApplication(["pingpad"])
    main_thread = MainThread()
    instrument = Instrument(find_folders(), main_thread.post)
    monitors = Monitors(instrument.mixer, instrument.recorder)
    window = MainWindow(instrument.session, instrument.actions, monitors, main_thread)
    window.show()
    instrument.start()
    instrument.mixer.load(0, make_impulse().repeat(600, axis=0))
    timer = QTimer(window, interval=2)

    def poll() -> None:
        audio = instrument.session.audio
        if instrument.mixer.playing(0) is not None:
            timer.stop()
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            sys.stdin.readline()
            application.quit()
        elif audio is not None and audio.output_name is not None:
            instrument.actions.pad_trigger.hit(0)

    timer.timeout.connect(poll)
    timer.start()
    application.exec()
    instrument.stop()


if __name__ == "__main__":
    _start()
