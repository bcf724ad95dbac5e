from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from app.audio.devices.round_trip import RoundTrip
from app.model.session import EngineState
from engine.api import Failed, Restarted
from tests.app.ui.scene import Audio, Midi, Scene


def test_output_latency_and_missed_callbacks_are_shown(scene: Scene) -> None:
    line = scene.window.status_line
    assert line.output.text == "Scarlett 2i2 · 48 kHz · 128 frames · 5.3 ms · 0 missed"
    scene.sound.underflows, scene.sound.late = 3, 1
    for _ in range(30):
        scene.window.show_frame()
    assert line.output.text.endswith("3 missed, 1 late")


def test_midi_events_that_were_lost_stand_beside_the_missed_callbacks(scene: Scene) -> None:
    output = scene.window.status_line.output
    scene.session.set_midi(Midi(dropped=2))
    assert output.text.endswith("0 missed · 2 MIDI events lost")
    scene.session.set_midi(Midi())
    assert output.text.endswith("0 missed")


@pytest.mark.parametrize("width", [1024, 1400])
def test_the_sound_is_read_whole_however_long_the_rest_is(
    scene: Scene, qtbot: QtBot, width: int
) -> None:
    line = scene.window.status_line
    scene.window.resize(width, 700)
    loop = RoundTrip(9.6, 0.0, 8)
    scene.session.set_audio(Audio(round_trip=loop, realtime=False))
    scene.session.set_midi(Midi(("Launchpad Mini MK3 LPMiniMK3 MIDI", "MPK mini 3 MIDI") * 3))
    state = replace(scene.session.engine, model="a model with a long name", last_ms=1234.0)
    scene.session.set_engine(state)
    qtbot.waitUntil(lambda: line.output.width() >= line.output.sizeHint().width())
    assert line.midi.width() >= line.midi.minimumSizeHint().width()
    assert line.engine.geometry().right() <= line.width() and scene.window.width() == width


def test_a_missing_sound_card_says_what_to_do(scene: Scene) -> None:
    scene.session.set_audio(Audio(output_name=None, message=""))
    assert "Plug one in" in scene.window.status_line.output.text
    message = "The card is used by another program; close it there."
    scene.session.set_audio(Audio(message=message))
    assert scene.window.status_line.output.text == message


def test_midi_ports_are_named_or_their_absence_is(scene: Scene) -> None:
    assert scene.window.status_line.midi.text == "Launchpad Mini MK3, MPK mini 3"
    scene.session.set_midi(Midi((), "No MIDI system here; the keys and the mouse play."))
    assert scene.window.status_line.midi.text.startswith("No MIDI system")
    scene.session.set_midi(Midi(()))
    assert "No MIDI input" in scene.window.status_line.midi.text


def test_the_last_generations_measured_time_is_shown(scene: Scene) -> None:
    engine = scene.window.status_line.engine
    assert engine.text == "Model embedded · CPU, float32"
    scene.make(0, "kick")
    assert engine.text == "Model embedded · CPU, float32 · last sound in 412 ms"


def test_a_model_that_is_coming_is_named_beside_the_one_in_use(scene: Scene) -> None:
    scene.session.set_engine(replace(scene.session.engine, loading="small"))
    field = scene.window.status_line.engine
    assert field.text == "Model embedded · small is loading · CPU, float32"
    assert not field.warning


def test_an_engine_that_is_not_ready_says_so(scene: Scene) -> None:
    scene.session.set_engine(EngineState("The engine is starting."))
    assert scene.window.status_line.engine.text == "The engine is starting."
    assert scene.window.prompt_panel.sentence.text() == "The engine is starting."


def test_an_engine_that_cannot_work_is_told_from_one_that_starts(scene: Scene) -> None:
    field = scene.window.status_line.engine
    scene.session.set_engine(EngineState("The engine is starting."))
    assert not field.warning
    scene.actions.generate.on_answer(Failed(None, "The model folder is damaged."))
    assert field.warning and field.text == "The model folder is damaged."
    scene.actions.generate.on_answer(Restarted("The engine was started again."))
    assert not field.warning


def test_the_sound_field_opens_the_menu_of_devices(scene: Scene, qtbot: QtBot) -> None:
    field = scene.window.status_line.output
    for ask in (
        lambda: QTest.mouseClick(field, Qt.MouseButton.LeftButton),
        lambda: QTest.keyClick(field, Qt.Key.Key_Return),
    ):
        ask()  # type: ignore[no-untyped-call]
        menu = QApplication.activePopupWidget()
        assert isinstance(menu, QMenu)
        menu.close()


def test_a_warning_is_read_whole_however_long_the_rest_is(scene: Scene, qtbot: QtBot) -> None:
    scene.session.set_midi(Midi((), "MIDI is not available on this computer. " * 4))
    message = "No sound output found. Plug one in or start JACK; Pingpad finds it by itself."
    scene.session.set_audio(Audio(output_name=None, message=message))
    field = scene.window.status_line.output
    qtbot.waitUntil(lambda: field.width() >= field.sizeHint().width())
