from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.ui.pads.key_repeats import KeyRepeats
from tests.app.ui.scene import Scene

PRESS, RELEASE = QEvent.Type.KeyPress, QEvent.Type.KeyRelease


@pytest.fixture
def playing(scene: Scene) -> Iterator[Scene]:
    """A window on a desktop that splits repeats."""
    application = QApplication.instance()
    assert application is not None
    repeats = KeyRepeats(scene.window)
    application.installEventFilter(repeats)
    scene.window.pads.focus_selected()
    yield scene
    application.removeEventFilter(repeats)


def send(scene: Scene, kind: QEvent.Type, key: Qt.Key, time_ms: int) -> None:
    event = QKeyEvent(kind, key, Qt.KeyboardModifier.NoModifier)
    event.setTimestamp(time_ms)
    QApplication.sendEvent(scene.window.pads.buttons[0], event)


def test_a_repeat_that_came_in_two_parts_neither_lets_go_nor_hits_again(
    playing: Scene, qtbot: QtBot
) -> None:
    send(playing, PRESS, Qt.Key.Key_Z, 1000)
    for time_ms in (1660, 1700, 1740):
        send(playing, RELEASE, Qt.Key.Key_Z, time_ms)
        send(playing, PRESS, Qt.Key.Key_Z, time_ms)
    send(playing, RELEASE, Qt.Key.Key_Z, 1800)
    qtbot.waitUntil(lambda: playing.sound.releases == [0])
    assert playing.sound.hits == [(0, 1.0)]


def test_record_held_through_repeats_is_one_recording(playing: Scene, qtbot: QtBot) -> None:
    send(playing, PRESS, Qt.Key.Key_R, 1000)
    send(playing, RELEASE, Qt.Key.Key_R, 1660)
    send(playing, PRESS, Qt.Key.Key_R, 1660)
    assert playing.session.recording
    send(playing, RELEASE, Qt.Key.Key_R, 2000)
    qtbot.waitUntil(lambda: not playing.session.recording)
    assert (playing.microphone.started, playing.microphone.stopped) == (1, 1)


def test_a_fast_second_hit_is_not_taken_for_a_repeat(playing: Scene, qtbot: QtBot) -> None:
    send(playing, PRESS, Qt.Key.Key_Z, 1000)
    send(playing, RELEASE, Qt.Key.Key_Z, 1030)
    send(playing, PRESS, Qt.Key.Key_Z, 1031)
    assert playing.sound.hits == [(0, 1.0), (0, 1.0)] and playing.sound.releases == [0]
    send(playing, RELEASE, Qt.Key.Key_Z, 1040)
    qtbot.waitUntil(lambda: playing.sound.releases == [0, 0])
