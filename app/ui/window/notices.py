"""Sentences for the player, stacked in a corner; they take no focus. Main thread."""

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
from app.ui.widgets.icons import draw_icon, icon
from app.ui.widgets.theme import COLOURS, Theme

MOST_NOTICES = 4
STAYS_MS: dict[NoticeKind, int] = {"info": 5_000, "warning": 9_000, "error": 30_000}
WIDTH = 316.0
MARKS: dict[NoticeKind, tuple[str, str]] = {
    "info": ("info", COLOURS.generated),
    "warning": ("warning", COLOURS.accent),
    "error": ("warning", COLOURS.failed),
}


class NoticeCard(QFrame):
    """One sentence with its mark and a way to put it away."""

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
        text.setFont(theme.font(12.5))
        self.close_button = QPushButton()
        self.close_button.setAccessibleName("Put away")
        self.close_button.setToolTip("Put away")
        self.close_button.setObjectName("put_away")
        self.close_button.setIcon(icon("close"))
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
    """The newest notices, over the lower right corner of its parent."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._over = parent
        self._bottom = 0
        self.cards: list[NoticeCard] = []
        self._column = QVBoxLayout(self)
        theme.fit(self._column, 6)
        self.setObjectName("notices")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.hide()
        parent.installEventFilter(self)
        session.notice.connect(self.show_notice)
        theme.changed.connect(self._show_again)

    def show_notice(self, notice: Notice) -> None:
        """Add a notice; the same sentence again only makes it stay longer."""
        for card in self.cards:
            if card.notice == notice:
                self.put_away(card)
                break
        card = NoticeCard(notice, self._theme, self)
        card.close_button.clicked.connect(lambda: self.put_away(card))
        self.cards.append(card)
        card.ensurePolished()
        self._column.addWidget(card)
        QTimer.singleShot(STAYS_MS[notice.kind], card, lambda: self.put_away(card))
        while len(self.cards) > MOST_NOTICES:
            self.put_away(self.cards[0])
        self._settle()

    def put_away(self, card: NoticeCard) -> None:
        """Take a notice off the stack."""
        if card in self.cards:
            self.cards.remove(card)
            self._column.removeWidget(card)
            card.hide()
            card.deleteLater()
            self._settle()

    def _show_again(self) -> None:
        """Write the notices anew at another size."""
        for card in tuple(self.cards):
            self.show_notice(card.notice)

    def keep_above(self, bottom: int) -> None:
        """End `bottom` logical pixels above the parent's lower edge."""
        self._bottom = bottom
        self._settle()

    def _settle(self) -> None:
        self.setVisible(bool(self.cards))
        if not self.cards:
            return
        parent = self._over
        wide, gap = self._theme.px(WIDTH), self._theme.px(16)
        heights = (
            max(card.heightForWidth(wide), card.minimumSizeHint().height()) for card in self.cards
        )
        high = sum(heights) + self._column.spacing() * (len(self.cards) - 1)
        top = parent.height() - self._bottom - high
        self.setGeometry(parent.width() - wide - gap, top, wide, high)
        self.raise_()

    def event(self, event: QEvent) -> bool:
        """Take the height that the sentences need, once they know it."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._settle()
        return super().event(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the parent's size."""
        if event.type() == QEvent.Type.Resize:
            self._settle()
        return super().eventFilter(watched, event)
