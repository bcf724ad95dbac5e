"""PromptLine: a line edit that underlines unknown words and completes known ones. Main thread.

The list of completions is a child of the window, not a popup window: it never takes the focus, and
Enter always generates unless a word was picked with the arrow keys.
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
from engine.prompts.reading import find_unknown_words
from engine.prompts.tokens import complete_word, split_words

MAX_COMPLETIONS = 6
MIN_PREFIX = 2


class PromptLine(QLineEdit):
    """A line of text; `submitted` is Enter, `left` is Esc."""

    submitted = Signal()
    left = Signal()
    words_checked = Signal(tuple)
    """The unknown words, in order and once each."""

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
        self.textEdited.connect(self._on_edit)

    def set_vocabulary(self, vocabulary: frozenset[str]) -> None:
        """Underline words that are not in the vocabulary; an empty one underlines nothing."""
        if vocabulary != self._vocabulary:
            self._vocabulary = vocabulary
            self._check(self.text())

    @property
    def unknown(self) -> tuple[tuple[int, int], ...]:
        """The underlined spans of the text."""
        return self._unknown

    def _check(self, text: str) -> None:
        spans = find_unknown_words(text, self._vocabulary) if self._vocabulary else ()
        self._unknown = tuple(span for span in spans if not self._is_being_typed(span))
        # While the text changes the line edit has no layout yet.
        QTimer.singleShot(0, self, self._underline)
        words = dict.fromkeys(text[start:end] for start, end in self._unknown)
        self.words_checked.emit(tuple(words))

    def _is_being_typed(self, span: tuple[int, int]) -> bool:
        """Return whether a word is unfinished and may become one that the model knows."""
        if not self._typing or span[1] != self.cursorPosition():
            return False
        typed = self.text()[span[0] : span[1]].lower()
        return any(word.startswith(typed) for word in self._vocabulary)

    def _underline(self) -> None:
        """Underline the unknown words by input-method attributes, QLineEdit's only text formats."""
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
        """Do not underline while an input method composes."""
        self._composing = bool(event.preeditString())
        super().inputMethodEvent(event)
        if not self._composing:
            QTimer.singleShot(0, self, self._underline)

    # --- completions ---

    @property
    def completions(self) -> list[str]:
        """The words in the list; none while it is hidden."""
        if self._list is None or not self._list.isVisible():
            return []
        return [self._list.item(row).text() for row in range(self._list.count())]

    def _find_word_before_cursor(self) -> tuple[int, str]:
        typed = self.text()[: self.cursorPosition()]
        words = split_words(typed)
        if not words or words[-1].end != len(typed) or words[-1].kind != "word":
            return len(typed), ""
        return words[-1].start, words[-1].text

    def _on_edit(self) -> None:
        self._typing = True
        self._check(self.text())
        self._complete()

    def _stop_typing(self) -> None:
        self.hide_completions()
        if self._typing:
            self._typing = False
            self._check(self.text())

    def _complete(self) -> None:
        _, prefix = self._find_word_before_cursor()
        after = self.text()[self.cursorPosition() :]
        words: list[str] = []
        if len(prefix) >= MIN_PREFIX and not after[:1].isalnum():
            words = complete_word(prefix, self._vocabulary, MAX_COMPLETIONS)
        if words:
            self._show_completions(words)
        else:
            self.hide_completions()

    def _show_completions(self, words: list[str]) -> None:
        listed = self._make_list()
        listed.clear()
        for word in words:
            listed.addItem(QListWidgetItem(word))
        listed.setCurrentRow(-1)
        start, _ = self._find_word_before_cursor()
        font = self._theme.make_font(15)
        listed.setFont(font)
        wide = max(listed.sizeHintForColumn(0), self._theme.px(120)) + self._theme.px(28)
        high = listed.sizeHintForRow(0) * len(words) + self._theme.px(12)
        corner = self.mapTo(self.window(), QPoint(0, self.height() + self._theme.px(4)))
        indent = self.fontMetrics().horizontalAdvance(self.text()[:start]) + self._theme.px(6)
        left = min(corner.x() + indent, self.window().width() - wide - self._theme.px(8))
        listed.setGeometry(max(0, left), corner.y(), wide, high)
        listed.show()
        listed.raise_()

    def _make_list(self) -> QListWidget:
        if self._list is None:
            self._list = QListWidget(self.window())
            self._list.setObjectName("completions")
            self._list.setAccessibleName("Words the model knows")
            self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            self._list.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            self._list.itemClicked.connect(lambda item: self._insert_word(item.text()))
        return self._list

    def hide_completions(self) -> None:
        """Hide the list of completions."""
        if self._list is not None:
            self._list.hide()

    def _insert_word(self, word: str) -> None:
        start, _ = self._find_word_before_cursor()
        cursor, text = self.cursorPosition(), self.text()
        after = text[cursor:]
        gap = "" if after.startswith(" ") else " "
        self.setText(text[:start] + word + gap + after)
        self.setCursorPosition(start + len(word) + 1)
        self.hide_completions()
        self.textEdited.emit(self.text())

    def _get_picked_word(self) -> str:
        if self._list is None or not self._list.isVisible() or self._list.currentRow() < 0:
            return ""
        return self._list.currentItem().text()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter generates, Esc leaves, the arrows move in the list, Tab inserts its word."""
        key, open_list = event.key(), bool(self.completions)
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if event.isAutoRepeat():
                return
            if self._get_picked_word():
                self._insert_word(self._get_picked_word())
            else:
                self._stop_typing()
                self.submitted.emit()
        elif key == Qt.Key.Key_Escape:
            if open_list:
                self.hide_completions()
            else:
                self.left.emit()
        elif open_list and key in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            self._move_selection(1 if key == Qt.Key.Key_Down else -1)
        else:
            super().keyPressEvent(event)

    def _move_selection(self, step: int) -> None:
        assert self._list is not None
        rows = self._list.count() + 1
        self._list.setCurrentRow((self._list.currentRow() + 1 + step) % rows - 1)

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Insert the picked or only word on Tab, before Tab moves the focus."""
        words = self.completions
        word = self._get_picked_word() or (words[0] if len(words) == 1 else "")
        if word and forward and QApplication.keyboardModifiers() == Qt.KeyboardModifier.NoModifier:
            self._insert_word(word)
            return True
        return super().focusNextPrevChild(forward)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Hide the list when the focus is lost."""
        self._stop_typing()
        super().focusOutEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        self.hide_completions()
        super().hideEvent(event)
