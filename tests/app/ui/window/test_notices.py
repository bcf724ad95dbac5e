import itertools

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.model.session import Notice
from app.ui.window import notices
from tests.app.ui.scene import Scene


def texts(scene: Scene) -> list[str]:
    return [card.notice.text for card in scene.window.notices.cards]


def test_a_notice_takes_no_focus_and_opens_no_window(scene: Scene) -> None:
    scene.window.focus_prompt()
    windows = len(QApplication.topLevelWidgets())
    scene.session.notify("No sound card.", "warning")
    assert scene.window.prompt_panel.prompt.hasFocus()
    assert len(QApplication.topLevelWidgets()) == windows
    assert scene.window.notices.isVisible()


def test_notices_stack_and_the_oldest_gives_way(scene: Scene, qtbot: QtBot) -> None:
    for number in range(6):
        scene.session.notify(f"Sentence {number}.")
    assert texts(scene) == [f"Sentence {number}." for number in (2, 3, 4, 5)]
    QApplication.processEvents()
    cards = scene.window.notices.cards
    for upper, lower in itertools.pairwise(cards):
        assert upper.geometry().bottom() < lower.geometry().top()
    for card in cards:
        assert card.height() >= card.heightForWidth(card.width())


def test_the_same_sentence_is_shown_once(scene: Scene) -> None:
    for _ in range(3):
        scene.session.notify("Pad 1 is locked; unlock it first.", "warning")
    assert texts(scene) == ["Pad 1 is locked; unlock it first."]


def test_a_notice_leaves_by_its_button(scene: Scene) -> None:
    scene.session.notify("One.", "error")
    card = scene.window.notices.cards[0]
    QTest.mouseClick(card.close_button, Qt.MouseButton.LeftButton)
    assert texts(scene) == []
    assert not scene.window.notices.isVisible()


def test_a_notice_leaves_by_itself(scene: Scene, qtbot: QtBot) -> None:
    stays = dict(notices.SHOWN_MS)
    try:
        notices.SHOWN_MS["info"] = 1
        scene.session.notice.emit(Notice("Saved."))
        qtbot.waitUntil(lambda: texts(scene) == [])
    finally:
        notices.SHOWN_MS.update(stays)


def test_a_change_of_scale_keeps_what_is_said(scene: Scene, qtbot: QtBot) -> None:
    scene.session.notify("One.", "error")
    scene.session.notify("Two.", "error")
    scene.window.resize(2560, 1600)
    qtbot.waitUntil(lambda: scene.window.theme.scale == 2.0)
    assert texts(scene) == ["One.", "Two."]
