"""The prompt's line edit: marks words the model never saw and offers the ones it knows.

Main thread. The list of words is a child of the window, not a window of its own: it never takes
the focus, and Enter always generates unless a word was picked with the arrow keys.
"""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QHideEvent,
    QInputMethodEvent,
    QKeyEvent,
    QTextCharFormat,
)
from PySide6.QtWidgets import QApplication, QLineEdit, QListWidget, QListWidgetItem

from app.ui.widgets.theme import COLOURS, Theme
from engine.prompts.reading import unknown_words
from engine.prompts.tokens import completions, split_words

MOST_WORDS = 6
SHORTEST_PREFIX = 2


class PromptLine(QLineEdit):
    """A line of words; `submitted` is Enter, `left` is Esc."""

    submitted = Signal()
    left = Signal()
    words_checked = Signal(tuple)
    """The unknown words, in order, each once."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("prompt")
        self.setAccessibleName("Prompt")
        self._theme = theme
        self._vocabulary: frozenset[str] = frozenset()
        self._unknown: tuple[tuple[int, int], ...] = ()
        self._composing = False
        self._typing = False
        self._list: QListWidget | None = None
        self.textChanged.connect(self._check)
        self.textEdited.connect(self._type)

    def set_vocabulary(self, vocabulary: frozenset[str]) -> None:
        """Mark words that are not in here; an empty vocabulary marks nothing."""
        if vocabulary != self._vocabulary:
            self._vocabulary = vocabulary
            self._check(self.text())

    @property
    def unknown(self) -> tuple[tuple[int, int], ...]:
        """Return the marked spans of the text."""
        return self._unknown

    def _check(self, text: str) -> None:
        spans = unknown_words(text, self._vocabulary) if self._vocabulary else ()
        self._unknown = tuple(span for span in spans if not self._is_being_typed(span))
        # While the text is being changed the line's own layout is not there yet.
        QTimer.singleShot(0, self, self._underline)
        words = dict.fromkeys(text[start:end] for start, end in self._unknown)
        self.words_checked.emit(tuple(words))

    def _is_being_typed(self, span: tuple[int, int]) -> bool:
        """Say whether a word has only been begun and may become one the model knows."""
        if not self._typing or span[1] != self.cursorPosition():
            return False
        begun = self.text()[span[0] : span[1]].lower()
        return any(word.startswith(begun) for word in self._vocabulary)

    def _underline(self) -> None:
        """Mark by the one way a QLineEdit has: the formats of an input method."""
        if self._composing:
            return
        wave = QTextCharFormat()
        wave.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
        wave.setUnderlineColor(QColor(COLOURS.accent))
        kind = QInputMethodEvent.AttributeType.TextFormat
        cursor = self.cursorPosition()
        marks = [
            QInputMethodEvent.Attribute(kind, start - cursor, end - start, wave)
            for start, end in self._unknown
            if end <= len(self.text())
        ]
        super().inputMethodEvent(QInputMethodEvent("", marks))

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        """Leave the text alone while an input method composes."""
        self._composing = bool(event.preeditString())
        super().inputMethodEvent(event)
        if not self._composing:
            QTimer.singleShot(0, self, self._underline)

    # --- words to pick ---

    @property
    def offered(self) -> list[str]:
        """Return the words in the list under the line; none while it is hidden."""
        if self._list is None or not self._list.isVisible():
            return []
        return [self._list.item(row).text() for row in range(self._list.count())]

    def _word_before_cursor(self) -> tuple[int, str]:
        typed = self.text()[: self.cursorPosition()]
        words = split_words(typed)
        if not words or words[-1].end != len(typed) or words[-1].kind != "word":
            return len(typed), ""
        return words[-1].start, words[-1].text

    def _type(self) -> None:
        self._typing = True
        self._check(self.text())
        self._offer()

    def _stop_typing(self) -> None:
        self.hide_words()
        if self._typing:
            self._typing = False
            self._check(self.text())

    def _offer(self) -> None:
        _, prefix = self._word_before_cursor()
        after = self.text()[self.cursorPosition() :]
        words: list[str] = []
        if len(prefix) >= SHORTEST_PREFIX and not after[:1].isalnum():
            words = completions(prefix, self._vocabulary, MOST_WORDS)
        if words:
            self._show_words(words)
        else:
            self.hide_words()

    def _show_words(self, words: list[str]) -> None:
        listed = self._words_list()
        listed.clear()
        for word in words:
            listed.addItem(QListWidgetItem(word))
        listed.setCurrentRow(-1)
        start, _ = self._word_before_cursor()
        font = self._theme.font(15)
        listed.setFont(font)
        wide = max(listed.sizeHintForColumn(0), self._theme.px(120)) + self._theme.px(28)
        high = listed.sizeHintForRow(0) * len(words) + self._theme.px(12)
        corner = self.mapTo(self.window(), QPoint(0, self.height() + self._theme.px(4)))
        indent = self.fontMetrics().horizontalAdvance(self.text()[:start]) + self._theme.px(6)
        left = min(corner.x() + indent, self.window().width() - wide - self._theme.px(8))
        listed.setGeometry(max(0, left), corner.y(), wide, high)
        listed.show()
        listed.raise_()

    def _words_list(self) -> QListWidget:
        if self._list is None:
            self._list = QListWidget(self.window())
            self._list.setObjectName("completions")
            self._list.setAccessibleName("Words the model knows")
            self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            self._list.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            self._list.itemClicked.connect(lambda item: self._take_word(item.text()))
        return self._list

    def hide_words(self) -> None:
        """Put the list of words away."""
        if self._list is not None:
            self._list.hide()

    def _take_word(self, word: str) -> None:
        start, _ = self._word_before_cursor()
        cursor, text = self.cursorPosition(), self.text()
        after = text[cursor:]
        gap = "" if after.startswith(" ") else " "
        self.setText(text[:start] + word + gap + after)
        self.setCursorPosition(start + len(word) + 1)
        self.hide_words()
        self.textEdited.emit(self.text())

    def _picked(self) -> str:
        if self._list is None or not self._list.isVisible() or self._list.currentRow() < 0:
            return ""
        return self._list.currentItem().text()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter generates, Esc leaves, the arrows walk the list, Tab takes its word."""
        key, open_list = event.key(), bool(self.offered)
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if event.isAutoRepeat():
                return
            if self._picked():
                self._take_word(self._picked())
            else:
                self._stop_typing()
                self.submitted.emit()
        elif key == Qt.Key.Key_Escape:
            if open_list:
                self.hide_words()
            else:
                self.left.emit()
        elif open_list and key in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            self._walk(1 if key == Qt.Key.Key_Down else -1)
        else:
            super().keyPressEvent(event)

    def _walk(self, step: int) -> None:
        assert self._list is not None
        rows = self._list.count() + 1
        self._list.setCurrentRow((self._list.currentRow() + 1 + step) % rows - 1)

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Let Tab take the picked, or only, word before it moves the focus."""
        words = self.offered
        word = self._picked() or (words[0] if len(words) == 1 else "")
        if word and forward and QApplication.keyboardModifiers() == Qt.KeyboardModifier.NoModifier:
            self._take_word(word)
            return True
        return super().focusNextPrevChild(forward)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Put the list away with the focus."""
        self._stop_typing()
        super().focusOutEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        """Put the list away with the line."""
        self.hide_words()
        super().hideEvent(event)
