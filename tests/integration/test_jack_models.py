"""Another model, chosen in the window while a pad loops on a real JACK server: nothing is missed.

What a silent stream in another process misses on a server of its own in the same time, the machine
missed. Standard output says what was counted (`pytest -s`).
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.bench.jack_server import run_jack_server
from app.bench.processes import end_process, run_process
from app.bootstrap import Instrument
from app.folders import find_folders
from app.model.kit import Pad
from app.parts import Parts
from app.ui.dialogs.models import ModelsDialog
from app.ui.window.main_thread import MainThread
from app.ui.window.main_window import MainWindow
from app.ui.window.monitors import Monitors
from engine.clip import Clip
from engine.files.audio import write_clip
from engine.library.card import EMBEDDED_FOLDER
from tests.fakes.app.jack_server import why_not
from tests.fakes.app.midi import FakeMidiInputs, FakeMidiOutputs
from tests.fakes.engine.published_folder import write_published

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())
RATE, BLOCK = 48_000, 128
WITHIN_MS = 180_000
LOST = 0.02
"""The share of its cycles that a server without a sound card may lose to a busy machine."""


@dataclass(frozen=True)
class Scene:
    """The instrument with its window, on a real sound card and with a real engine process."""

    instrument: Instrument
    window: MainWindow
    qtbot: QtBot

    def until(self, done: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(done()), timeout=WITHIN_MS)

    @property
    def pads(self) -> tuple[Pad, ...]:
        return self.instrument.session.kit.pads

    @property
    def is_ready(self) -> bool:
        engine = self.instrument.session.engine
        assert not engine.failed, engine.text
        return engine.ready

    def loop(self, file: Path) -> None:
        """Drop a file on the first pad, let it go round, press it."""
        pad, pad_settings = self.pads[0], self.instrument.actions.pad_settings
        self.instrument.actions.import_file.drop_file(file, 0)
        self.until(lambda: pad.loaded is not None)
        pad_settings.set_parameters(0, replace(pad.parameters, mode="loop"))
        self.qtbot.mouseClick(self.window.pads.buttons[0], Qt.MouseButton.LeftButton)
        self.until(lambda: self.instrument.mixer.playing(0) is not None)

    def open_models(self) -> ModelsDialog:
        self.window.status_line.open_models()
        dialog = self.window.status_line.models_dialog
        assert dialog is not None
        self.until(lambda: dialog.list.count() == 2)
        return dialog

    def switch(self, dialog: ModelsDialog, folder: Path) -> None:
        """Choose a model in its list and click Use."""
        folders = [dialog.list.item(row).data(Qt.ItemDataRole.UserRole).folder for row in (0, 1)]
        dialog.list.setCurrentRow(folders.index(folder))
        models = self.instrument.actions.models
        self.qtbot.mouseClick(dialog.use, Qt.MouseButton.LeftButton)
        assert models.loading is not None and self.is_ready
        self.until(lambda: models.folder == folder and self.is_ready)

    def make(self, prompt: str, pad: int) -> None:
        """Type a prompt and Enter; wait for the sound."""
        self.instrument.session.select(pad)
        line = self.window.prompt_panel.prompt
        line.clear()
        QTest.keyClicks(line, prompt)
        QTest.keyClick(line, Qt.Key.Key_Return)
        before = self.pads[pad].takes.current
        self.until(lambda: self.pads[pad].takes.current is not before)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Of real-time priority where the system grants it: a starved server throws its clients out."""
    with run_jack_server("models") as name:
        monkeypatch.setenv("JACK_DEFAULT_SERVER", name)
        monkeypatch.setenv("JACK_NO_START_SERVER", "1")
        yield ready(name)


@pytest.fixture
def silent_server() -> Iterator[str]:
    with run_jack_server("silent") as name:
        yield ready(name)


def ready(server: str) -> str:
    """Wait until a server can be used."""
    wait = ["jack_wait", "-s", server, "-w", "-t", "30"]
    done = subprocess.run(wait, check=False, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return server


@pytest.fixture
def scene(server: str, silent_server: str, qtbot: QtBot) -> Iterator[Scene]:
    main_thread = MainThread()
    parts = Parts(midi=FakeMidiInputs, midi_out=FakeMidiOutputs)
    instrument = Instrument(find_folders(), main_thread.post, parts, autosave=False)
    monitors = Monitors(instrument.mixer, instrument.recorder)
    window = MainWindow(instrument.session, instrument.actions, monitors, main_thread)
    qtbot.addWidget(window)
    window.show()
    instrument.start()
    made = Scene(instrument, window, qtbot)
    try:
        yield made
    finally:
        instrument.stop()
        window.close()


def stolen() -> int:
    """Time that other machines took from this one, in ticks."""
    return int(Path("/proc/stat").read_text(encoding="ascii").split()[8])


def test_switching_models_in_the_window_while_a_pad_loops_drops_no_callback(
    scene: Scene, silent_server: str, tmp_path: Path
) -> None:
    import jack

    mixer, session = scene.instrument.mixer, scene.instrument.session
    scene.until(lambda: session.audio is not None and session.audio.output_name)
    scene.until(lambda: scene.is_ready)
    write_published(tmp_path / "small")
    scene.instrument.actions.models.library.add(tmp_path / "small")
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (RATE, 2)).astype(np.float32)
    write_clip(tmp_path / "loop.wav", Clip(noise, RATE))
    scene.loop(tmp_path / "loop.wav")
    clock = jack.Client("clock", no_start_server=True)
    environment = {"JACK_DEFAULT_SERVER": silent_server}
    with run_process("control", environment, "app.bench.realtime") as silent:
        before, began, stolen_before = mixer.counts(), clock.frame_time, stolen()
        dialog = scene.open_models()
        small = scene.instrument.actions.models.library.home / "small"
        for pad, folder in enumerate((small, EMBEDDED_FOLDER, small, EMBEDDED_FOLDER), start=1):
            scene.switch(dialog, folder)
            scene.make("kick", pad)
        after, elapsed, was_stolen = mixer.counts(), clock.frame_time - began, stolen()
        control = json.loads(end_process(silent))
    clock.close()
    callbacks = after.callbacks - before.callbacks
    counted = {
        "callbacks": callbacks,
        "seconds": round(elapsed / RATE, 1),
        "over_block": after.late - before.late,
        "longest_ms": round(after.longest_ms, 3),
        "missed": after.underflows - before.underflows,
        "missed_by_the_silent_one": control["underflows"],
        "of_its": control["callbacks"],
    }
    print(json.dumps(counted))  # noqa: T201 - what was measured
    assert after.frame - before.frame == callbacks * BLOCK, counted
    assert after.dropped_commands == before.dropped_commands
    assert callbacks * BLOCK > (1 - LOST) * elapsed, counted
    if was_stolen == stolen_before:
        assert after.late == before.late, counted
    assert mixer.playing(0) is not None
    recipes = [take.recipe for pad in scene.pads[1:5] for take in pad.takes.items]
    models = [recipe.model for recipe in recipes if recipe is not None]
    assert len(models) == len(recipes)
    assert len(set(models)) == 2 and models[:2] == models[2:]
