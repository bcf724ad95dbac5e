import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage, QInputMethodEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.ui.prompt.line import PromptLine
from app.ui.widgets.theme import Theme

WORDS = frozenset({"punchy", "kick", "snare", "dark", "distorted", "bass"})


@pytest.fixture
def line(qtbot: QtBot) -> PromptLine:
    made = PromptLine(Theme())
    qtbot.addWidget(made)
    made.resize(600, 60)
    made.setStyleSheet("font-size: 24px; background: black; color: white;")
    made.set_vocabulary(WORDS)
    made.show()
    qtbot.waitExposed(made)
    made.setFocus()
    qtbot.waitUntil(made.hasFocus)
    return made


def marked_columns(line: PromptLine) -> int:
    """Count columns that hold a pixel of the amber wave: letters and ground are grey."""
    QApplication.processEvents()
    image = QImage(line.size(), QImage.Format.Format_RGB32)
    line.render(image, QPoint())
    near = 0
    for x in range(image.width()):
        column = (image.pixelColor(x, y) for y in range(image.height()))
        near += any(pixel.red() > pixel.blue() + 30 for pixel in column)
    return near


def test_a_word_the_model_never_saw_gets_a_wave_under_it(qtbot: QtBot, line: PromptLine) -> None:
    line.setText("punchy kick")
    assert marked_columns(line) == 0
    line.setText("punchy dubstepish kick")
    assert line.unknown == ((7, 17),)
    advance = line.fontMetrics().horizontalAdvance("dubstepish")
    assert marked_columns(line) == pytest.approx(advance, abs=advance * 0.3)


def test_numbers_and_notes_are_known(line: PromptLine) -> None:
    line.setText("kick 909 A1 120")
    assert line.unknown == ()


def test_without_a_vocabulary_nothing_is_marked(line: PromptLine) -> None:
    line.set_vocabulary(frozenset())
    line.setText("anything goes")
    assert line.unknown == ()


def test_a_word_being_typed_is_marked_only_when_it_cannot_become_a_known_one(
    qtbot: QtBot, line: PromptLine
) -> None:
    qtbot.keyClicks(line, "dist")
    assert line.unknown == ()
    qtbot.keyClicks(line, "x")
    assert line.unknown == ((0, 5),)


def test_a_begun_word_is_marked_once_enter_says_that_it_is_finished(
    qtbot: QtBot, line: PromptLine
) -> None:
    qtbot.keyClicks(line, "dist")
    with qtbot.waitSignal(line.submitted):
        qtbot.keyClick(line, Qt.Key.Key_Return)
    assert line.unknown == ((0, 4),)


def test_known_words_are_offered_for_a_beginning_and_for_a_typo(
    qtbot: QtBot, line: PromptLine
) -> None:
    qtbot.keyClicks(line, "punchy di")
    assert line.completions == ["distorted"]
    line.clear()
    qtbot.keyClicks(line, "snaer")
    assert "snare" in line.completions


def test_enter_generates_even_while_words_are_offered(qtbot: QtBot, line: PromptLine) -> None:
    qtbot.keyClicks(line, "kic")
    assert line.completions == ["kick"]
    with qtbot.waitSignal(line.submitted):
        qtbot.keyClick(line, Qt.Key.Key_Return)
    assert line.text() == "kic"
    assert line.completions == []


def test_a_word_picked_by_the_arrows_is_taken_by_enter(qtbot: QtBot, line: PromptLine) -> None:
    qtbot.keyClicks(line, "punchy di")
    qtbot.keyClick(line, Qt.Key.Key_Down)
    with qtbot.assertNotEmitted(line.submitted):
        qtbot.keyClick(line, Qt.Key.Key_Return)
    assert line.text() == "punchy distorted "


def test_tab_takes_the_only_word_and_otherwise_moves_on(qtbot: QtBot, line: PromptLine) -> None:
    qtbot.keyClicks(line, "punchy di")
    qtbot.keyClick(line, Qt.Key.Key_Tab)
    assert line.text() == "punchy distorted "
    assert line.hasFocus()


def test_escape_puts_the_words_away_first_and_leaves_then(qtbot: QtBot, line: PromptLine) -> None:
    qtbot.keyClicks(line, "di")
    with qtbot.assertNotEmitted(line.left):
        qtbot.keyClick(line, Qt.Key.Key_Escape)
    assert line.completions == []
    with qtbot.waitSignal(line.left):
        qtbot.keyClick(line, Qt.Key.Key_Escape)


def test_a_word_in_the_middle_is_replaced_where_it_stands(qtbot: QtBot, line: PromptLine) -> None:
    line.setText("punchy ki bass")
    line.setCursorPosition(9)
    qtbot.keyClicks(line, "c")
    assert line.completions == ["kick"]
    qtbot.keyClick(line, Qt.Key.Key_Tab)
    assert line.text() == "punchy kick bass"


def test_marks_do_not_disturb_what_an_input_method_composes(qtbot: QtBot, line: PromptLine) -> None:
    line.setText("dubstepish ")
    composing = QInputMethodEvent("kana", [])
    QApplication.sendEvent(line, composing)
    QApplication.processEvents()
    done = QInputMethodEvent()
    done.setCommitString("kana")
    QApplication.sendEvent(line, done)
    assert line.text() == "dubstepish kana"


def test_ten_thousand_characters_are_taken_and_checked(line: PromptLine) -> None:
    line.setText("kick wub " * 1111)
    assert len(line.unknown) == 1111
