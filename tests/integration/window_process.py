"""The real window in a process of its own: `python -m tests.integration.window_process fake|real`.

The sound card is a thread that lets the real mixer play on in real time. What happens is written
to standard output as JSON lines, for the test that moves the mouse.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PySide6.QtCore import QPoint, QTimer
from PySide6.QtWidgets import QApplication, QWidget

from app.audio.devices.state import AudioState, DeviceRequest
from app.audio.mixer.mixer import Mixer
from app.audio.recording.recorder import InputRecorder
from app.bootstrap import Instrument
from app.folders import find_folders
from app.model.kit import Pad
from app.parts import Parts
from app.ui.window.main_thread import MainThread
from app.ui.window.main_window import MainWindow
from app.ui.window.monitors import Monitors
from engine.api import Answer, Recipe
from engine.clip import Clip
from engine.process.client import EngineThread
from tests.fakes.app.midi import FakeMidiInputs, FakeMidiOutputs
from tests.fakes.app.sound import FakeDevices
from tests.fakes.engine.engine_thread import FakeEngine

BLOCK_S = 0.01


def say(event: str, **facts: object) -> None:
    sys.stdout.write(json.dumps({"event": event, **facts}) + "\n")
    sys.stdout.flush()


class QuickEngine(FakeEngine):
    """Makes every wish a moment after it was heard, on a thread of its own."""

    def __init__(self, on_answer: Callable[[Answer], None], model_folder: Path = Path()) -> None:
        super().__init__(on_answer, model_folder)

    def start(self) -> None:
        super().start()
        threading.Timer(0.05, self.ready).start()

    def generate(
        self, recipe: Recipe, source: Clip | None = None, *, slot: str | None = None
    ) -> int:
        job = super().generate(recipe, source, slot=slot)
        threading.Timer(0.05, self.finish, [job]).start()
        return job


class PacedDevices(FakeDevices):
    """Plays the real mixer in real time and says when something can be heard."""

    def __init__(
        self, mixer: Mixer, recorder: InputRecorder, on_change: Callable[[AudioState], None]
    ) -> None:
        super().__init__(mixer, recorder, on_change)
        self._ended = threading.Event()
        self._card = threading.Thread(target=self._play, args=(mixer,), daemon=True)

    def open(self, request: DeviceRequest) -> AudioState:
        state = super().open(request)
        self._card.start()
        return state

    def close(self) -> None:
        self._ended.set()
        self._card.join()
        super().close()

    def _play(self, mixer: Mixer) -> None:
        heard = False
        while not self._ended.wait(BLOCK_S):
            peak = float(np.abs(mixer.render(round(BLOCK_S * mixer.rate))).max())
            if (peak > 0.01) != heard:
                heard = not heard
                say("heard" if heard else "silent", peak=round(peak, 3))


def middle(widget: QWidget) -> list[int]:
    at = widget.mapToGlobal(QPoint(widget.width() // 2, widget.height() // 2))
    return [at.x(), at.y()]


def tell_of_changes(instrument: Instrument, window: MainWindow) -> None:
    store = instrument.store

    def tell(pad: Pad) -> None:
        take = pad.takes.current
        ready = take is not None and pad.loaded is take and store.is_saved(take)
        say("pad", pad=pad.index, state=pad.state, name=pad.title, playable=ready)

    def tell_of_kept() -> None:
        for pad in instrument.session.kit.pads:
            if pad.takes.current is not None:
                tell(pad)

    store.take_saved.connect(tell_of_kept)
    for pad in instrument.session.kit.pads:
        pad.changed.connect(partial(tell, pad))
    instrument.session.notice.connect(lambda notice: say("notice", text=notice.text))
    instrument.session.engine_changed.connect(
        lambda: say("engine", ready=instrument.session.engine.ready)
    )
    QTimer.singleShot(
        300,
        window,
        lambda: say(
            "window",
            prompt=middle(window.prompt_panel.prompt),
            pads=[middle(button) for button in window.pads.buttons],
        ),
    )


def main(engine: str) -> int:
    application = QApplication([])
    main_thread = MainThread()
    made = EngineThread if engine == "real" else QuickEngine
    parts = Parts(engine=made, audio=PacedDevices, midi=FakeMidiInputs, midi_out=FakeMidiOutputs)
    instrument = Instrument(find_folders(), main_thread.post, parts)
    monitors = Monitors(instrument.mixer, instrument.recorder)
    window = MainWindow(instrument.session, instrument.actions, monitors, main_thread)
    window.move(0, 0)
    tell_of_changes(instrument, window)
    window.show()
    instrument.start()
    status = application.exec()
    instrument.stop()
    return status


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
