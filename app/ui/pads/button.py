"""One pad: hit on press, drag out, drop in. Main thread; emits signals and changes no state."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QMimeData, QPoint, QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QApplication, QSizePolicy, QWidget

from app.ui.pads.face import PadFace, PadPainter, compute_grip_area, compute_wave_area
from app.ui.widgets.theme import COLOURS, Theme

MIN_VELOCITY = 0.25
"""Velocity of a press at the pad's lower edge; it reaches 1 a fifth below the upper edge."""

DRAG_UNITS = 26.0
"""Distance in units after which a press becomes a drag, so that sloppy playing does not drag."""

MAX_PICTURES = 6
"""Cached pictures of a pad, for its states silent or sounding, selected or not."""

HIT_KEYS = (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter)


def find_local_file(data: QMimeData) -> Path | None:
    """Return the first local file of a drop, if there is one."""
    for url in data.urls():
        if url.isLocalFile():
            return Path(url.toLocalFile())
    return None


class PadButton(QWidget):
    """Shows a PadFace and a playhead."""

    pressed = Signal(float)
    """A hit, with its velocity 0..1."""
    released = Signal()
    selected = Signal()
    drag_started = Signal()
    menu_requested = Signal(QPoint)
    file_dropped = Signal(Path)

    def __init__(self, face: PadFace, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._face = face
        self._theme = theme
        self._peaks: NDArray[np.floating] | None = None
        self._pictures: dict[PadFace, QPixmap] = {}
        self.take_id = ""
        """The shown take; a drag that carries it is the pad's own and is refused."""
        self._position: float | None = None
        self._pressed_at: QPointF | None = None
        self._on_grip = False
        self._held = False
        self.setAcceptDrops(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setMouseTracking(True)
        theme.changed.connect(self._clear_pictures)
        self._describe()

    @property
    def face(self) -> PadFace:
        """The face that is shown."""
        return self._face

    def show_face(self, face: PadFace) -> None:
        """Show a face; repaints only if it differs."""
        if face != self._face:
            self._face = face
            self._describe()
            self.update()

    def show_peaks(self, peaks: NDArray[np.floating] | None) -> None:
        """Show a waveform, `(columns, 2)` lowest and highest values, or none."""
        self._peaks = peaks
        self._clear_pictures()

    def show_position(self, position_s: float | None, *, lit: bool = False) -> None:
        """Move the playhead, in seconds from the sound's start; None when it is silent.

        `lit`: the pad was hit a moment ago, even if it is silent already.
        """
        before = self._compute_playhead()
        self._position = position_s
        sounding = position_s is not None or lit
        if sounding != self._face.sounding:
            self.show_face(replace(self._face, sounding=sounding))
        after = self._compute_playhead()
        for line in (before, after) if before != after else ():
            if line is not None:
                self.update(line)

    def _compute_playhead(self) -> QRect | None:
        if self._position is None or not self._face.seconds:
            return None
        area = compute_wave_area(self.width(), self.height(), self._theme)
        share = min(1.0, self._position / self._face.seconds)
        wide = self._theme.px(1.5)
        x = round(area.left() + share * area.width() - wide / 2)
        return QRect(x, round(area.top()), wide, round(area.height()))

    def _describe(self) -> None:
        face = self._face
        self.setAccessibleName(f"Pad {face.number}, {face.name or 'empty'}")
        lock = ", locked" if face.locked else ""
        self.setAccessibleDescription(
            f"{face.state} {face.text}, note {face.note}, key {face.key}{lock}"
        )

    def _clear_pictures(self) -> None:
        self._pictures.clear()
        self.update()

    def _draw(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        picture = QPixmap(self.size() * ratio)
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        PadPainter(painter, self.width(), self.height(), self._theme).draw(
            self._face, self._peaks, ratio
        )
        painter.end()
        return picture

    def paintEvent(self, event: QPaintEvent) -> None:
        """Copy the cached face, then draw the playhead."""
        picture = self._pictures.get(self._face)
        if picture is None:
            if len(self._pictures) >= MAX_PICTURES:
                self._pictures.clear()
            picture = self._pictures[self._face] = self._draw()
        painter = QPainter(self)
        ratio = picture.devicePixelRatio()
        area = QRectF(event.rect())
        source = QRectF(area.topLeft() * ratio, area.size() * ratio)
        painter.drawPixmap(area, picture, source)
        line = self._compute_playhead()
        if line is not None:
            painter.fillRect(line, QColor(COLOURS.ink))
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._clear_pictures()
        super().resizeEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Hit on press, except on the grip."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        self._pressed_at = event.position()
        grip = compute_grip_area(self.width(), self.height(), self._theme)
        self._on_grip = bool(self._face.seconds) and grip.contains(event.position())
        if not self._on_grip:
            self._held = True
            self.pressed.emit(self._compute_velocity(event.position().y()))
        self.selected.emit()

    def _compute_velocity(self, y: float) -> float:
        share = 1.25 * (1.0 - y / max(1, self.height()))
        return MIN_VELOCITY + (1.0 - MIN_VELOCITY) * max(0.0, min(1.0, share))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Start a drag when a press has travelled far enough."""
        if self._pressed_at is None:
            self._show_grip(event.position())
            return
        travelled = (event.position() - self._pressed_at).manhattanLength()
        least = QApplication.startDragDistance()
        if not self._on_grip:
            least = max(least, self._theme.px(DRAG_UNITS))
        if travelled >= least and self._face.seconds:
            self._release()
            self.drag_started.emit()

    def _show_grip(self, at: QPointF) -> None:
        grip = compute_grip_area(self.width(), self.height(), self._theme)
        over = bool(self._face.seconds) and grip.contains(at)
        self.setCursor(Qt.CursorShape.OpenHandCursor if over else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Release the hit, wherever the mouse is by now."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._release()

    def _release(self) -> None:
        self._pressed_at = None
        if self._held:
            self._held = False
            self.released.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Hit by Space and Enter when the pad has the focus."""
        if event.key() not in HIT_KEYS:
            super().keyPressEvent(event)
        elif not event.isAutoRepeat():
            self._held = True
            self.pressed.emit(1.0)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() not in HIT_KEYS:
            super().keyReleaseEvent(event)
        elif not event.isAutoRepeat():
            self._release()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.selected.emit()
        self.menu_requested.emit(event.globalPos())

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept local files, except the pad's own."""
        if not self._is_own(event) and find_local_file(event.mimeData()) is not None:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self.show_face(replace(self._face, drop_target=True))

    def _is_own(self, event: QDropEvent) -> bool:
        own = event.mimeData().hasText() and event.mimeData().text() == self.take_id
        return event.source() is self or (own and bool(self.take_id))

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.show_face(replace(self._face, drop_target=False))
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Emit the dropped file; always a copy action, so that the source keeps it."""
        self.show_face(replace(self._face, drop_target=False))
        path = find_local_file(event.mimeData())
        if path is not None and not self._is_own(event):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self.file_dropped.emit(path)
