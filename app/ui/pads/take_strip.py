"""The takes of the selected pad, newest first, with undo and redo. Main thread."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPen
from PySide6.QtWidgets import (
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.actions.actions import Actions
from app.model.peaks import peaks
from app.model.session import Session
from app.model.takes import Take
from app.ui.format import format_take
from app.ui.widgets.controls import make_button, make_caption, on_click
from app.ui.widgets.theme import COLOURS, Theme, choose_take_colour
from app.ui.widgets.waveform import draw_waveform

ROW_HEIGHT, WAVE_WIDTH, WAVE_HEIGHT = 46.0, 84.0, 30.0
TAKE_ROLE = Qt.ItemDataRole.UserRole


@dataclass(frozen=True, slots=True)
class _WaveKey:
    take_id: str
    width: int
    height: int
    ratio: float


class TakeRow(QStyledItemDelegate):
    """Draws one take: waveform, name and facts."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._waves: dict[_WaveKey, QImage] = {}
        self.loaded_id = ""
        """The take that the next hit plays."""

    def sizeHint(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        """Return the height of a row; the list gives its width."""
        return QSize(0, self._theme.px(ROW_HEIGHT))

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        take = index.data(TAKE_ROLE)
        if not isinstance(take, Take):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(option.rect).adjusted(1, 1, -1, -1)
        state = option.state
        self._draw_background(painter, area, state)
        self._draw_wave(painter, area, take)
        self._draw_texts(painter, area, take, bool(state & QStyle.StateFlag.State_Selected))
        painter.restore()

    def _draw_background(self, painter: QPainter, area: QRectF, state: QStyle.StateFlag) -> None:
        selected = bool(state & QStyle.StateFlag.State_Selected)
        over = bool(state & QStyle.StateFlag.State_MouseOver)
        focused = selected and bool(state & QStyle.StateFlag.State_HasFocus)
        if not (selected or over):
            return
        radius = self._theme.px(6)
        painter.setPen(QPen(QColor(COLOURS.accent), 1) if focused else Qt.PenStyle.NoPen)
        painter.setBrush(QColor(COLOURS.hover if selected else COLOURS.raised))
        painter.drawRoundedRect(area, radius, radius)

    def _draw_wave(self, painter: QPainter, area: QRectF, take: Take) -> None:
        theme = self._theme
        wide, high = theme.px(WAVE_WIDTH), theme.px(WAVE_HEIGHT)
        ratio = painter.device().devicePixelRatioF()
        key = _WaveKey(take.id, wide, high, ratio)
        if key not in self._waves:
            if len(self._waves) > 256:
                self._waves.clear()
            columns = max(1, round(wide * ratio))
            self._waves[key] = draw_waveform(
                peaks(take.clip, columns), wide, high, choose_take_colour(take.kind), ratio
            )
        top = area.center().y() - high / 2
        painter.drawImage(QRectF(area.left() + theme.px(8), top, wide, high), self._waves[key])

    def _draw_texts(self, painter: QPainter, area: QRectF, take: Take, selected: bool) -> None:
        theme = self._theme
        left = area.left() + theme.px(8 + WAVE_WIDTH + 10)
        room = area.right() - theme.px(8) - left
        half = area.height() / 2
        for row, text, font, tint in (
            (0, take.name, theme.make_font(12.5, 600 if selected else 500), COLOURS.ink),
            (
                1,
                format_take(take),
                theme.make_font(11),
                COLOURS.soft if selected else COLOURS.faint,
            ),
        ):
            painter.setFont(font)
            painter.setPen(QColor(tint))
            elided = QFontMetricsF(font).elidedText(text, Qt.TextElideMode.ElideRight, room)
            place = QRectF(left, area.top() + row * half, room, half)
            place.adjust(0, theme.px(3) * (1 - row), 0, -theme.px(3) * row)
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, elided)


class TakeStrip(QWidget):
    """The list, undo and redo."""

    def __init__(self, session: Session, actions: Actions, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self._actions = actions
        self.undo = make_button("", "Undo. The take before (Ctrl+Z)", theme, "undo")
        self.redo = make_button("", "Redo. The take after (Ctrl+Shift+Z)", theme, "redo")
        self.undo.setProperty("quiet", "true")
        self.redo.setProperty("quiet", "true")
        on_click(self.undo, actions.takes.undo)
        on_click(self.redo, actions.takes.redo)
        self._title = make_caption("Takes")
        self.list = QListWidget()
        self._row = TakeRow(theme, self.list)
        self._shown: tuple[Take, ...] = ()
        self._prepare_list(theme)
        self._lay_out(theme)
        session.selection_changed.connect(self.show_takes)
        for pad in session.kit.pads:
            pad.changed.connect(self.show_takes)
        self.show_takes()

    def _prepare_list(self, theme: Theme) -> None:
        self.list.setAccessibleName("Takes of the selected pad")
        self.list.setItemDelegate(self._row)
        self.list.setMouseTracking(True)
        self.list.setFrameShape(QListWidget.Shape.NoFrame)
        self.list.setStyleSheet("background: transparent; border: none;")
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.list.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.list.currentRowChanged.connect(self._select)
        theme.changed.connect(self.list.doItemsLayout)

    def _lay_out(self, theme: Theme) -> None:
        column = QVBoxLayout(self)
        theme.set_spacing(column, 4)
        top = QHBoxLayout()
        theme.set_spacing(top, 2)
        top.addWidget(self._title, 1)
        top.addWidget(self.undo)
        top.addWidget(self.redo)
        column.addLayout(top)
        column.addWidget(self.list, 1)

    def _select(self, row: int) -> None:
        if row >= 0:
            number = len(self._shown) - 1 - row
            if not self._actions.takes.select(self._session.selected, number):
                self.show_takes()

    def show_takes(self) -> None:
        """Show the selected pad's takes; rows are rebuilt only when the takes changed."""
        takes = self._session.selected_pad.takes
        blocked = self.list.blockSignals(True)
        if takes.items != self._shown:
            self._fill(takes.items)
        index = takes.index
        self.list.setCurrentRow(-1 if index is None else len(takes.items) - 1 - index)
        self.list.blockSignals(blocked)
        if self.list.currentItem() is not None:
            self.list.scrollToItem(self.list.currentItem())
        self.undo.setEnabled(takes.can_undo)
        self.redo.setEnabled(takes.can_redo)
        count = len(takes.items)
        self._title.setText(f"Takes · {count}" if count else "No takes yet")

    def _fill(self, takes: tuple[Take, ...]) -> None:
        self._shown = takes
        self.list.clear()
        for take in reversed(takes):
            item, facts = QListWidgetItem(), format_take(take, with_time=True)
            item.setData(TAKE_ROLE, take)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{take.name}, {facts}")
            item.setToolTip(f"{take.name}\n{facts}")
            self.list.addItem(item)
