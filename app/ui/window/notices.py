"""Notices for the player, stacked in a corner; they take no focus. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.model.session import Notice, NoticeKind, Session
from app.ui.widgets.icons import draw_icon, make_icon
from app.ui.widgets.theme import COLOURS, Theme

MAX_NOTICES = 4
SHOWN_MS: dict[NoticeKind, int] = {"info": 5_000, "warning": 9_000, "error": 30_000}
WIDTH = 316.0
MARKS: dict[NoticeKind, tuple[str, str]] = {
    "info": ("info", COLOURS.generated),
    "warning": ("warning", COLOURS.accent),
    "error": ("warning", COLOURS.failed),
}


class NoticeCard(QFrame):
    """One notice with its icon and a button to dismiss it."""

    def __init__(self, notice: Notice, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.notice = notice
        self.setObjectName("notice")
        self.setProperty("kind", notice.kind)
        self.setAccessibleName(notice.text)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        row = QHBoxLayout(self)
        row.setSpacing(theme.px(9))
        row.setContentsMargins(theme.px(12), theme.px(10), theme.px(8), theme.px(10))
        icon_name, tint = MARKS[notice.kind]
        text = QLabel(notice.text)
        text.setTextFormat(Qt.TextFormat.PlainText)
        text.setWordWrap(True)
        text.setFont(theme.make_font(12.5))
        self.close_button = QPushButton()
        self.close_button.setAccessibleName("Put away")
        self.close_button.setToolTip("Put away")
        self.close_button.setObjectName("dismiss")
        self.close_button.setIcon(make_icon("close"))
        self.close_button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        row.addWidget(self._mark(icon_name, tint, theme.px(16)), 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(text, 1)
        row.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)

    def _mark(self, icon_name: str, tint: str, size: int) -> QLabel:
        mark, ratio = QLabel(), self.devicePixelRatioF()
        picture = draw_icon(icon_name, tint, round(size * ratio))
        picture.setDevicePixelRatio(ratio)
        mark.setPixmap(picture)
        return mark


class NoticeStack(QWidget):
    """The latest notices, over the lower right corner of the parent."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._parent = parent
        self._bottom = 0
        self.cards: list[NoticeCard] = []
        self._column = QVBoxLayout(self)
        theme.set_spacing(self._column, 6)
        self.setObjectName("notices")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.hide()
        parent.installEventFilter(self)
        session.notice.connect(self.show_notice)
        theme.changed.connect(self._rebuild)

    def show_notice(self, notice: Notice) -> None:
        """Add a notice; one that is already shown stays longer."""
        for card in self.cards:
            if card.notice == notice:
                self.dismiss(card)
                break
        card = NoticeCard(notice, self._theme, self)
        card.close_button.clicked.connect(lambda: self.dismiss(card))
        self.cards.append(card)
        card.ensurePolished()
        self._column.addWidget(card)
        QTimer.singleShot(SHOWN_MS[notice.kind], card, lambda: self.dismiss(card))
        while len(self.cards) > MAX_NOTICES:
            self.dismiss(self.cards[0])
        self._place()

    def dismiss(self, card: NoticeCard) -> None:
        """Remove a notice."""
        if card in self.cards:
            self.cards.remove(card)
            self._column.removeWidget(card)
            card.hide()
            card.deleteLater()
            self._place()

    def _rebuild(self) -> None:
        """Build the cards again at the new scale."""
        for card in tuple(self.cards):
            self.show_notice(card.notice)

    def keep_above(self, bottom: int) -> None:
        """Place the stack `bottom` logical pixels above the parent's lower edge."""
        self._bottom = bottom
        self._place()

    def _place(self) -> None:
        self.setVisible(bool(self.cards))
        if not self.cards:
            return
        parent = self._parent
        wide, gap = self._theme.px(WIDTH), self._theme.px(16)
        heights = (
            max(card.heightForWidth(wide), card.minimumSizeHint().height()) for card in self.cards
        )
        high = sum(heights) + self._column.spacing() * (len(self.cards) - 1)
        top = parent.height() - self._bottom - high
        self.setGeometry(parent.width() - wide - gap, top, wide, high)
        self.raise_()

    def event(self, event: QEvent) -> bool:
        """Resize once the labels know their height."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._place()
        return super().event(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the parent's size."""
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)
