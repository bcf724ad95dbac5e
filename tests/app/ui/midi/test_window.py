from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QPushButton
from pytestqt.qtbot import QtBot

from app.midi.messages.targets import TARGETS
from app.ui.midi.kits import NONE_YET, ON_THE_PADS
from app.ui.midi.learn_panel import WAITING
from app.ui.midi.window import MidiWindow
from tests.app.ui.scene import Midi, Scene


def play(scene: Scene, *data: int, port: str = "LPD8 20:0") -> None:
    scene.actions.midi.router.receive(bytes(data), 1.0, port)


def click(button: QPushButton) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


@pytest.fixture
def window(scene: Scene, qtbot: QtBot) -> MidiWindow:
    scene.actions.midi.setup.read_maps()
    QTest.mouseClick(scene.window.status_line.midi, Qt.MouseButton.LeftButton)
    window = scene.window.status_line.midi_window
    assert window is not None
    qtbot.waitExposed(window)
    return window


def test_the_midi_field_lights_up_for_a_moment_when_something_comes_in(scene: Scene) -> None:
    field = scene.window.status_line.midi
    scene.window.show_frame()
    assert not field.lit
    play(scene, 0xFE)
    scene.window.show_frame()
    assert field.lit
    scene.time_s += 0.2
    scene.window.show_frame()
    assert not field.lit
    play(scene, 0xF8)
    scene.window.show_frame()
    assert not field.lit, "a clock is no event a player makes"


def test_the_log_says_what_came_and_what_it_did_the_newest_above(
    scene: Scene, window: MidiWindow
) -> None:
    play(scene, 0x99, 36, 100)
    play(scene, 0xB0, 99, 1)
    for _ in range(10):
        scene.window.show_frame()
    assert window.log.read_row(0) == ("CC 99 = 1, channel 1", "LPD8 20:0", "nothing")
    assert window.log.read_row(1) == (
        "note 36 on, velocity 100, channel 10",
        "LPD8 20:0",
        "hit pad 1",
    )
    for _ in range(200):
        play(scene, 0x99, 36, 100)
    window.show_events()
    assert window.log.rowCount() == 60


def test_a_button_teaches_a_control_and_another_forgets_it(
    scene: Scene, window: MidiWindow
) -> None:
    panel = window.learn_panel
    click(panel.learn_buttons["again"])
    assert panel.learn_buttons["again"].text() == "Touch it…"
    play(scene, 0x90, 70, 100)
    assert panel.learn_buttons["again"].text() == "Learn"
    assert panel.sources["again"].text() == "note 70"
    scene.make(0, "kick")
    play(scene, 0x90, 70, 100)
    assert scene.session.kit.pads[0].state == "pending"
    assert panel.forget_buttons["again"].isEnabled()
    click(panel.forget_buttons["again"])
    assert panel.sources["again"].text() == "" and not panel.forget_buttons["again"].isEnabled()


def test_a_second_click_or_closing_the_window_ends_waiting(
    scene: Scene, window: MidiWindow
) -> None:
    learn = scene.actions.midi.control_learner
    click(window.learn_panel.learn_buttons["vary"])
    click(window.learn_panel.learn_buttons["vary"])
    assert learn.target is None
    click(window.learn_panel.learn_buttons["vary"])
    window.close()
    assert learn.target is None


def test_learning_that_nobody_answers_ends_while_the_window_lives(
    scene: Scene, window: MidiWindow
) -> None:
    now = 0.0
    scene.actions.midi.control_learner.now = lambda: now
    click(window.learn_panel.learn_buttons["vary"])
    now = 11.0
    scene.tick()
    assert scene.actions.midi.control_learner.target is None
    assert any("No control was touched" in text for text in scene.said)


def test_the_lowest_pad_is_asked_for_and_the_pads_show_their_notes(
    scene: Scene, window: MidiWindow
) -> None:
    panel = window.setup_panel
    click(panel.find_button)
    assert panel.question.isVisible() and "lowest pad" in panel.question.text()
    play(scene, 0x90, 60, 100)
    assert not panel.question.isVisible() and not panel.find_button.isChecked()
    assert panel.pad_map.currentText() == "From note 60 up"
    assert scene.window.pads.buttons[15].face.note == 75
    click(panel.every_button)
    play(scene, 0x90, 40, 100)
    assert panel.question.text().startswith("Press pad 2 of 16")
    click(panel.every_button)
    assert not panel.question.isVisible()


def test_channel_map_lights_and_clocks_are_chosen_here(scene: Scene, window: MidiWindow) -> None:
    panel, setup = window.setup_panel, scene.actions.midi.setup
    scene.session.set_midi(Midi(("Drum box 20:0",)))
    setup.set_outputs(("Synth 28:0",))
    for box, text in (
        (panel.channel, "Channel 10 (drums)"),
        (panel.pad_map, "Legacy MPC"),
        (panel.lights, "Synth"),
        (panel.clock_from, "Drum box"),
        (panel.clock_to, "Synth"),
    ):
        place = box.findText(text)
        assert place >= 0, text
        box.setCurrentIndex(place)
        box.activated.emit(place)
    chosen = setup.choices
    assert (chosen.channel, chosen.pad_map, chosen.lights) == (10, "mpc", "Synth")
    assert (chosen.clock_from, chosen.clock_to) == ("Drum box", "Synth")
    setup.set_outputs(())
    assert panel.clock_to.currentText() == "Synth (not there)"


def test_the_clock_that_is_followed_sets_the_tempo_and_says_so(
    scene: Scene, window: MidiWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = scene.actions.midi.setup
    setup.choose(replace(setup.choices, clock_from="Drum box"))
    assert window.setup_panel.clock_text.text() == "no ticks yet"
    time_s = 5.0
    scene.actions.midi.clock.now = lambda: time_s
    scene.actions.midi.router.receive(b"\xfa", time_s, "Drum box 20:0")
    for _ in range(96):
        time_s += 60 / (24 * 93.0)
        scene.actions.midi.router.receive(b"\xf8", time_s, "Drum box 20:0")
    scene.tick()
    for _ in range(30):
        scene.window.show_frame()
    assert scene.session.bpm == 93.0
    assert window.setup_panel.clock_text.text() == "93.0 bpm, running"


def test_a_map_that_is_none_is_said_when_maps_are_read_again(
    scene: Scene, window: MidiWindow
) -> None:
    folder = scene.actions.midi.setup.make_folder()
    assert folder is not None
    (folder / "mine.toml").write_text("name = 3")
    click(window.setup_panel.read_button)
    assert any("mine.toml" in text for text in scene.said)


def test_silence_is_in_reach(scene: Scene, window: MidiWindow) -> None:
    click(window.setup_panel.silence_button)
    assert scene.sound.silences == 1


def test_a_right_click_on_a_control_teaches_it(scene: Scene, qtbot: QtBot) -> None:
    prompt = scene.window.prompt_panel
    for widget in (prompt.strength, prompt.steps.find_button(8), prompt.length.lineEdit()):
        at = QPoint(3, 3)
        event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, widget.mapToGlobal(at))
        QApplication.sendEvent(widget, event)
        menu = QApplication.activePopupWidget()
        assert isinstance(menu, QMenu)
        texts = [action.text() for action in menu.actions()]
        assert texts[:2] == ["Learn a MIDI control", "Forget the MIDI control"]
        menu.actions()[0].trigger()
        menu.close()
        assert scene.actions.midi.control_learner.target is not None
        play(scene, 0xB0, 30, 5)
    learnt = [binding.target for binding in scene.actions.midi.setup.learnt]
    assert learnt == [TARGETS["length"]], "one knob does one thing, the last it was taught"
    menu = scene.window.midi_learn_menu.build(prompt.length, "length")
    assert menu.actions()[-1].text() == "Now: CC 30"
    menu.actions()[1].trigger()
    assert scene.actions.midi.setup.learnt == ()


def test_the_master_level_stands_beside_the_meter_and_follows_midi(scene: Scene) -> None:
    slider = scene.window.kit_bar.master
    slider.setValue(-12)
    assert scene.session.master_gain_db == -6.0
    scene.session.master_gain_db = 3.0
    assert slider.value() == 6 and "+3.0 dB" in slider.toolTip()


def test_the_open_button_learns_what_opens_the_kit_on_the_pads(
    scene: Scene, tmp_path: Path
) -> None:
    menu, setup = scene.window.midi_learn_menu, scene.actions.midi.setup
    button = scene.window.kit_bar.open_button
    assert not menu.build(button, "kit").actions()[0].isEnabled()
    for number, name in enumerate(("Day", "Night")):
        scene.actions.kit_file.save(tmp_path / name)
        learn = menu.build(button, "kit").actions()[0]
        assert learn.text() == f"Learn a MIDI control that opens {name}"
        learn.trigger()
        play(scene, 0xC0, number)
    assert [Path(binding.kit).stem for binding in setup.learnt] == ["Day", "Night"]
    play(scene, 0xC0, 0)
    assert scene.actions.kit_file.folder == tmp_path / "Day.pingpad"
    assert menu.build(button, "kit").actions()[-1].text() == "Now: program 0"
    menu.build(button, "kit").actions()[1].trigger()
    assert [Path(binding.kit).stem for binding in setup.learnt] == ["Night"]


def test_the_window_shows_which_program_of_which_bank_opens_which_kit(
    scene: Scene, window: MidiWindow, tmp_path: Path
) -> None:
    kits, day, night = window.kits, *(str(tmp_path / f"{n}.pingpad") for n in ("Day", "Night"))
    assert NONE_YET in kits.how.text() and kits.learn_buttons == {}
    for kit in (day, night):
        scene.actions.kit_file.save(Path(kit))
        click(kits.learn_buttons[kit])
        assert kits.learn_buttons[kit].text() == WAITING
        play(scene, 0xB0, 32, 1)
        play(scene, 0xC0, 5 if kit == day else 6)
    assert kits.sources[night].text() == "program 6, bank 1, on the pads"
    assert kits.sources[day].text() == "program 5, bank 1"
    play(scene, 0xC0, 5)
    assert kits.sources[day].text() == "program 5, bank 1, on the pads"
    play(scene, 0xB0, 32, 0)
    play(scene, 0xC0, 6)
    assert ON_THE_PADS in kits.sources[day].text(), "another bank's program"
    click(kits.forget_buttons[night])
    assert list(kits.sources) == [day] and NONE_YET not in kits.how.text()


def test_every_control_that_is_taught_is_reached_by_a_right_click_or_in_the_window(
    window: MidiWindow,
) -> None:
    assert set(window.learn_panel.learn_buttons) == set(TARGETS) - {"hit", "kit"}
