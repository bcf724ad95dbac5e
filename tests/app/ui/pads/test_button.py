from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QContextMenuEvent, QDragEnterEvent, QDropEvent, QMouseEvent, QPaintEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.ui.pads.button import PadButton
from app.ui.pads.face import PadFace
from app.ui.widgets.theme import Theme

FULL = PadFace(1, 36, "Z", "kick", "ready", seconds=0.5, kind="generated")


@pytest.fixture
def pad(qtbot: QtBot) -> PadButton:
    made = PadButton(FULL, Theme())
    qtbot.addWidget(made)
    made.resize(200, 120)
    made.show()
    qtbot.waitExposed(made)
    return made


def move(pad: PadButton, x: float, y: float) -> None:
    at = QPointF(x, y)
    left = Qt.MouseButton.LeftButton
    event = QMouseEvent(
        QMouseEvent.Type.MouseMove,
        at,
        pad.mapToGlobal(at),
        Qt.MouseButton.NoButton,
        left,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(pad, event)


def test_a_press_hits_at_once_and_the_release_lets_go(qtbot: QtBot, pad: PadButton) -> None:
    with qtbot.waitSignals([pad.pressed, pad.selected], timeout=0):
        QTest.mousePress(pad, Qt.MouseButton.LeftButton, pos=QPoint(60, 60))
    with qtbot.waitSignal(pad.released, timeout=0):
        QTest.mouseRelease(pad, Qt.MouseButton.LeftButton, pos=QPoint(60, 60))


def test_a_press_is_louder_the_higher_it_is(pad: PadButton) -> None:
    heard: list[float] = []
    pad.pressed.connect(heard.append)
    for y in (115, 60, 5):
        QTest.mouseClick(pad, Qt.MouseButton.LeftButton, pos=QPoint(60, y))
    assert heard[0] < 0.35
    assert heard[0] < heard[1] < heard[2]
    assert heard[2] == 1.0


def test_a_small_slip_does_not_drag(qtbot: QtBot, pad: PadButton) -> None:
    QTest.mousePress(pad, Qt.MouseButton.LeftButton, pos=QPoint(60, 60))
    with qtbot.assertNotEmitted(pad.drag_started):
        move(pad, 72, 66)
    QTest.mouseRelease(pad, Qt.MouseButton.LeftButton, pos=QPoint(72, 66))


def test_a_long_pull_drags_once_and_ends_the_hit(qtbot: QtBot, pad: PadButton) -> None:
    QTest.mousePress(pad, Qt.MouseButton.LeftButton, pos=QPoint(60, 60))
    with qtbot.waitSignals([pad.released, pad.drag_started], timeout=0, order="strict"):
        move(pad, 110, 60)
    with qtbot.assertNotEmitted(pad.drag_started):
        move(pad, 160, 60)


def test_the_grip_drags_without_a_sound(qtbot: QtBot, pad: PadButton) -> None:
    with qtbot.assertNotEmitted(pad.pressed):
        QTest.mousePress(pad, Qt.MouseButton.LeftButton, pos=QPoint(190, 110))
    with qtbot.waitSignal(pad.drag_started, timeout=0):
        move(pad, 177, 110)


def test_an_empty_pad_is_hit_but_never_dragged(qtbot: QtBot, pad: PadButton) -> None:
    pad.show_face(PadFace(1, 36, "Z"))
    with qtbot.waitSignal(pad.pressed, timeout=0):
        QTest.mousePress(pad, Qt.MouseButton.LeftButton, pos=QPoint(190, 110))
    with qtbot.assertNotEmitted(pad.drag_started):
        move(pad, 20, 20)


def test_space_and_enter_hit_and_let_go(qtbot: QtBot, pad: PadButton) -> None:
    for key in (Qt.Key.Key_Space, Qt.Key.Key_Return):
        with qtbot.waitSignals([pad.pressed, pad.released], timeout=0):
            QTest.keyClick(pad, key)


def drop_of(path: str, text: str = "") -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(path)])
    if text:
        data.setText(text)
    return data


def enter(pad: PadButton, data: QMimeData) -> bool:
    event = QDragEnterEvent(
        QPoint(50, 50),
        Qt.DropAction.CopyAction | Qt.DropAction.MoveAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    event.ignore()
    QApplication.sendEvent(pad, event)
    return event.isAccepted()


def drop(pad: PadButton, data: QMimeData) -> QDropEvent:
    event = QDropEvent(
        QPointF(50, 50),
        Qt.DropAction.CopyAction | Qt.DropAction.MoveAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(pad, event)
    return event


def test_a_local_file_is_taken_as_a_copy_and_never_moved(qtbot: QtBot, pad: PadButton) -> None:
    data = drop_of("/tmp/söund #1.wav")
    assert enter(pad, data)
    assert pad.face.drop_target
    dropped: list[Path] = []
    pad.file_dropped.connect(dropped.append)
    event = drop(pad, data)
    assert dropped == [Path("/tmp/söund #1.wav")]
    assert event.dropAction() == Qt.DropAction.CopyAction
    assert not pad.face.drop_target


def test_words_and_web_addresses_are_refused(pad: PadButton) -> None:
    words, page = QMimeData(), QMimeData()
    words.setText("/tmp/sound.wav")
    page.setUrls([QUrl("https://example.org/sound.wav")])
    assert not enter(pad, words)
    assert not enter(pad, page)


def test_a_pad_refuses_its_own_sound(pad: PadButton) -> None:
    pad.take_id = "4f2a"
    assert not enter(pad, drop_of("/tmp/kick.wav", "4f2a"))
    assert enter(pad, drop_of("/tmp/kick.wav", "other"))


def test_the_right_button_asks_for_the_menu_and_makes_no_sound(
    qtbot: QtBot, pad: PadButton
) -> None:
    with qtbot.assertNotEmitted(pad.pressed):
        QTest.mousePress(pad, Qt.MouseButton.RightButton, pos=QPoint(60, 60))
    with qtbot.waitSignal(pad.menu_requested, timeout=0):
        reason = QContextMenuEvent.Reason.Mouse
        QApplication.sendEvent(pad, QContextMenuEvent(reason, QPoint(60, 60), QPoint(160, 160)))


def test_a_moving_playhead_paints_its_own_narrow_strip_only(qtbot: QtBot, pad: PadButton) -> None:
    pad.show_position(0.1)
    QApplication.processEvents()
    painted: list[int] = []
    original = pad.paintEvent

    def watch(event: QPaintEvent) -> None:
        painted.append(event.region().boundingRect().width())
        original(event)

    pad.paintEvent = watch  # type: ignore[method-assign]
    pad.show_position(0.15)
    QApplication.processEvents()
    assert painted
    assert max(painted) < pad.width() / 3
    painted.clear()
    pad.show_position(0.15)
    QApplication.processEvents()
    assert painted == []


def test_the_state_is_said_in_words_as_well(pad: PadButton) -> None:
    pad.show_face(replace(FULL, state="generating", progress=0.625, locked=True))
    assert pad.accessibleName() == "Pad 1, kick"
    assert pad.accessibleDescription() == "generating making 62 %, note 36, key Z, locked"


def test_every_state_has_a_shape_of_its_own(qtbot: QtBot, pad: PadButton) -> None:
    pictures = []
    for light in ("empty", "ready", "pending", "generating", "failed"):
        pad.show_face(replace(FULL, state=light, progress=0.5))
        # Without colour: what is told apart here is told apart by anyone.
        grey = pad.grab().toImage().convertToFormat(pad.grab().toImage().Format.Format_Grayscale8)
        pictures.append(bytes(grey.copy(170, 5, 30, 30).constBits()))
    assert len(set(pictures)) == 5
