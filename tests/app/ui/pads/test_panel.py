from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.audio.mixer.pad_parameters import PadParameters
from tests.app.ui.scene import Scene

LEFT = Qt.MouseButton.LeftButton


def test_settings_go_to_the_selected_pad_and_come_back_with_it(scene: Scene) -> None:
    panel = scene.window.pad_panel
    scene.session.select(4)
    QTest.mouseClick(panel.mode.find_button("gate"), LEFT)
    panel.gain.setValue(-12)
    panel.choke.activated.emit(2)
    pad = scene.session.kit.pads[4]
    assert pad.parameters == PadParameters("gate", -6.0, 2)
    scene.session.select(0)
    assert panel.mode.find_button("one_shot").isChecked()
    assert (panel.gain.value(), panel.choke.currentIndex()) == (0, 0)
    assert scene.session.kit.pads[0].parameters.gain_db == 0.0
    scene.session.select(4)
    assert panel.mode.find_button("gate").isChecked()
    assert (panel.gain.value(), panel.choke.currentIndex()) == (-12, 2)


def test_the_lock_keeps_a_pad_from_being_made_anew(scene: Scene) -> None:
    scene.make(0, "kick")
    QTest.mouseClick(scene.window.pad_panel.lock, LEFT)
    assert scene.window.pads.buttons[0].face.locked
    scene.actions.generate.generate(0)
    assert scene.said[-1] == "Pad 1 is locked; unlock it first."


def test_a_typed_name_stays_and_an_empty_one_shows_the_takes_own(scene: Scene) -> None:
    scene.make(0, "punchy kick")
    name = scene.window.pad_panel.name
    assert name.text() == "punchy kick"
    name.setFocus()
    name.selectAll()
    QTest.keyClicks(name, "Boom")
    QTest.keyClick(name, Qt.Key.Key_Return)
    assert scene.session.kit.pads[0].name == "Boom"
    assert scene.window.pads.buttons[0].hasFocus()
    name.setFocus()
    name.selectAll()
    QTest.keyClick(name, Qt.Key.Key_Delete)
    QTest.keyClick(name, Qt.Key.Key_Return)
    assert name.text() == "punchy kick"


def test_choosing_another_pad_renames_nothing(scene: Scene) -> None:
    scene.make(0, "kick")
    scene.window.pad_panel.name.setFocus()
    scene.session.select(3)
    scene.window.pads.focus_selected()
    assert [pad.name for pad in scene.session.kit.pads] == [""] * 16


def test_a_double_click_on_the_level_is_0_db(scene: Scene) -> None:
    panel = scene.window.pad_panel
    panel.gain.setValue(10)
    QTest.mouseDClick(panel.gain, LEFT)
    assert scene.session.kit.pads[0].parameters.gain_db == 0.0
