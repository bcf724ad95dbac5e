from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from tests.app.ui.scene import Scene, decaying_sine

LEFT = Qt.MouseButton.LeftButton


def make_three(scene: Scene) -> None:
    for number, seconds in enumerate((0.1, 0.2, 0.3)):
        scene.make(0, f"kick {number}", decaying_sine(seconds), seed=100 + number)


def test_takes_stand_newest_first_with_their_facts(scene: Scene) -> None:
    make_three(scene)
    shown = scene.window.pad_panel.takes.list
    texts = [shown.item(row).toolTip() for row in range(shown.count())]
    assert texts[0] == "kick 2\n0.30 s · seed 102 · made in 412 ms"
    assert [text.split("\n")[0] for text in texts] == ["kick 2", "kick 1", "kick 0"]
    assert shown.currentRow() == 0


def test_a_click_on_a_take_plays_it_from_the_next_hit_on(scene: Scene, qtbot: QtBot) -> None:
    make_three(scene)
    shown = scene.window.pad_panel.takes.list
    place = shown.visualItemRect(shown.item(2)).center()
    QTest.mouseClick(shown.viewport(), LEFT, pos=place)
    current = scene.session.kit.pads[0].takes.current
    assert current is not None
    assert current.name == "kick 0"
    assert len(scene.sound.loaded[0]) == round(0.1 * scene.sound.rate)


def test_undo_and_redo_walk_the_takes_by_keys_and_by_buttons(scene: Scene) -> None:
    make_three(scene)
    window, pad = scene.window, scene.session.kit.pads[0]
    window.pads.focus_selected()
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    QTest.keyClick(window, Qt.Key.Key_Z, control)
    assert pad.title == "kick 1"
    QTest.keyClick(window, Qt.Key.Key_Z, control | shift)
    assert pad.title == "kick 2"
    strip = window.pad_panel.takes
    assert not strip.redo.isEnabled()
    QTest.mouseClick(strip.undo, LEFT)
    QTest.mouseClick(strip.undo, LEFT)
    assert pad.title == "kick 0"
    assert not strip.undo.isEnabled()
    assert strip.list.currentRow() == 2


def test_a_locked_pad_shows_the_take_it_keeps(scene: Scene) -> None:
    make_three(scene)
    scene.actions.pad_settings.set_locked(0, True)
    strip = scene.window.pad_panel.takes
    strip.list.setCurrentRow(2)
    assert scene.session.kit.pads[0].title == "kick 2"
    assert strip.list.currentRow() == 0


def test_another_pad_shows_its_own_takes(scene: Scene) -> None:
    make_three(scene)
    scene.session.select(9)
    assert scene.window.pad_panel.takes.list.count() == 0
    scene.session.select(0)
    assert scene.window.pad_panel.takes.list.count() == 3
