from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.app.ui.scene import Scene

LEFT = Qt.MouseButton.LeftButton


def test_each_control_reaches_the_mixer(scene: Scene) -> None:
    bar, session = scene.window.kit_bar.beat, scene.session
    QTest.mouseClick(bar.metronome, LEFT)
    assert session.metronome and scene.sound.metronome is not None
    bar.repeat.activated.emit(2)
    assert scene.sound.repeat_beats == 0.5
    bar.swap.activated.emit(2)
    assert session.swap_at == "bar"
    QTest.mouseClick(bar.notes, LEFT)
    assert session.sixteen_notes
    scene.sound.frame = 12_345
    QTest.mouseClick(bar.start, LEFT)
    assert scene.sound.clock.position(12_345) == 0.0


def test_what_is_set_elsewhere_is_shown(scene: Scene) -> None:
    bar, session = scene.window.kit_bar.beat, scene.session
    session.note_repeat, session.swap_at, session.metronome = 0.25, "four_bars", True
    assert (bar.repeat.currentText(), bar.swap.currentIndex()) == ("1/16", 3)
    assert bar.metronome.isChecked()


@pytest.mark.parametrize("bpm", [60.0, 174.0])
def test_the_tempo_is_the_clocks_whatever_unit_lengths_have(scene: Scene, bpm: float) -> None:
    scene.window.prompt_panel.tempo.setValue(bpm)
    assert scene.session.length_unit == "seconds" and scene.sound.clock.bpm == bpm
