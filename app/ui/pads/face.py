"""PadFace, PadPainter: the picture of one pad without its playhead. No session, no events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath, QPen, QPolygonF

from app.model.kit import PadState
from app.ui.widgets.theme import COLOURS, Theme, choose_take_colour, make_colour
from app.ui.widgets.waveform import draw_waveform

PAD_MARGIN = 11.0
HEADER, FOOTER = 20.0, 20.0
GRIP_WIDTH = 16.0


@dataclass(frozen=True, slots=True)
class PadFace:
    """The contents of one pad's picture. `progress` is 0..1; `seconds` is 0 without a sound."""

    number: int
    note: int
    key: str
    name: str = ""
    state: PadState = "empty"
    progress: float = 0.0
    seconds: float = 0.0
    kind: str | None = None
    locked: bool = False
    selected: bool = False
    sounding: bool = False
    """Whether it plays, or was hit a moment ago."""
    drop_target: bool = False
    """Whether a file is being dragged over the pad."""

    @property
    def title(self) -> str:
        """The name, or the pad's number where there is none."""
        return self.name or f"Pad {self.number}"

    @property
    def text(self) -> str:
        """The state, or the length of a sound that is ready."""
        if self.drop_target:
            return "drop to play it here"
        match self.state:
            case "pending":
                return "waiting"
            case "generating":
                return f"making {round(self.progress * 100)} %"
            case "failed":
                return "failed"
        return f"{self.seconds:.2f} s" if self.seconds else ""


def compute_wave_area(width: int, height: int, theme: Theme) -> QRectF:
    """Return the area of the waveform in a pad of this size, in logical pixels."""
    side, top, bottom = theme.px(PAD_MARGIN), theme.px(HEADER + 15), theme.px(FOOTER + 15)
    return QRectF(side, top, max(1, width - 2 * side), max(1, height - top - bottom))


def compute_grip_area(width: int, height: int, theme: Theme) -> QRectF:
    """Return the area of the grip, by which the sound is dragged out without playing it."""
    size = theme.px(GRIP_WIDTH + PAD_MARGIN)
    return QRectF(width - size, height - size, size, size)


class PadPainter:
    """Draws a PadFace once."""

    def __init__(self, painter: QPainter, width: int, height: int, theme: Theme) -> None:
        self._painter = painter
        self._area = QRectF(0, 0, width, height)
        self._theme = theme
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)

    def draw(self, face: PadFace, peaks: NDArray[np.floating] | None, ratio: float) -> None:
        """Draw everything, back to front."""
        self._draw_background(face)
        if peaks is not None:
            self._draw_wave(face, peaks, ratio)
        self._draw_header(face)
        self._draw_footer(face)
        if face.state == "generating":
            self._draw_progress(face)

    def _draw_background(self, face: PadFace) -> None:
        painter, radius = self._painter, self._theme.px(9)
        sounding = choose_take_colour(face.kind) if face.seconds else COLOURS.edge
        filled = COLOURS.panel if face.state == "empty" and not face.seconds else COLOURS.raised
        area = self._area.adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(QColor(COLOURS.line), 1))
        painter.setBrush(QColor(filled))
        painter.drawRoundedRect(area, radius, radius)
        if face.sounding:
            painter.setBrush(make_colour(sounding, 0.12))
            painter.drawRoundedRect(area, radius, radius)
        ring = self._theme.px(2)
        if face.selected:
            self._draw_frame(COLOURS.ink, 0, ring)
        if face.drop_target:
            self._draw_frame(COLOURS.dropped, ring * 2 if face.selected else 0, ring)
        elif face.sounding:
            self._draw_frame(sounding, ring * 1.5 if face.selected else 0, self._theme.px(1.5))

    def _draw_frame(self, tint: str, inset: float, width: float) -> None:
        """Draw a frame of this width, `inset` pixels inside the pad's edge."""
        half = inset + width / 2
        area = self._area.adjusted(half, half, -half, -half)
        radius = max(1.0, self._theme.px(9) - inset)
        self._painter.setPen(QPen(QColor(tint), width))
        self._painter.setBrush(Qt.BrushStyle.NoBrush)
        self._painter.drawRoundedRect(area, radius, radius)

    def _draw_wave(self, face: PadFace, peaks: NDArray[np.floating], ratio: float) -> None:
        area = compute_wave_area(round(self._area.width()), round(self._area.height()), self._theme)
        image = draw_waveform(
            peaks, round(area.width()), round(area.height()), choose_take_colour(face.kind), ratio
        )
        self._painter.drawImage(area.topLeft(), image)

    def _draw_header(self, face: PadFace) -> None:
        theme, painter = self._theme, self._painter
        side, light = theme.px(PAD_MARGIN + 2), theme.px(12)
        row = QRectF(side, theme.px(10), self._area.width() - 2 * side, theme.px(HEADER))
        spot = QRectF(row.right() - light, row.center().y() - light / 2, light, light)
        self._draw_state(spot, face)
        right = spot.left() - theme.px(8)
        if face.locked:
            lock = QRectF(right - light, spot.top(), light, light)
            self._draw_padlock(lock)
            right = lock.left() - theme.px(6)
        font = theme.make_font(13.5, 600 if face.name else 400)
        painter.setFont(font)
        painter.setPen(QColor(COLOURS.ink if face.name else COLOURS.faint))
        room = right - row.left()
        text = QFontMetricsF(font).elidedText(face.title, Qt.TextElideMode.ElideRight, room)
        place = QRectF(row.left(), row.top(), room, row.height())
        painter.drawText(place, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)

    def _draw_footer(self, face: PadFace) -> None:
        theme, painter = self._theme, self._painter
        side = theme.px(PAD_MARGIN + 1)
        row = QRectF(side, self._area.height() - theme.px(FOOTER + 10), 0, theme.px(FOOTER))
        row.setRight(self._area.width() - side)
        used = self._draw_keycap(row, face.key)
        painter.setFont(theme.make_font(11.5))
        painter.setPen(QColor(COLOURS.faint))
        middle = Qt.AlignmentFlag.AlignVCenter
        note = QRectF(row)
        note.setLeft(row.left() + used + theme.px(8))
        painter.drawText(note, middle | Qt.AlignmentFlag.AlignLeft, f"{face.note}")
        right = QRectF(row)
        if face.seconds:
            self._draw_grip(row)
            right.setRight(row.right() - theme.px(GRIP_WIDTH))
        painter.setPen(QColor(self._text_colour(face)))
        painter.setFont(theme.make_font(11.5, 500))
        painter.drawText(right, middle | Qt.AlignmentFlag.AlignRight, face.text)

    def _text_colour(self, face: PadFace) -> str:
        if face.drop_target:
            return COLOURS.dropped
        known = {
            "pending": COLOURS.accent,
            "generating": COLOURS.accent,
            "failed": COLOURS.failed,
        }
        return known.get(face.state, COLOURS.soft)

    def _draw_keycap(self, row: QRectF, key: str) -> float:
        theme, painter = self._theme, self._painter
        cap = QRectF(row.left(), row.top(), theme.px(20), row.height())
        painter.setPen(QPen(QColor(COLOURS.edge), 1))
        painter.setBrush(QColor(COLOURS.well))
        painter.drawRoundedRect(cap, theme.px(4), theme.px(4))
        painter.setFont(theme.make_font(11.5, 600))
        painter.setPen(QColor(COLOURS.soft))
        painter.drawText(cap, Qt.AlignmentFlag.AlignCenter, key)
        return cap.width()

    def _draw_grip(self, row: QRectF) -> None:
        theme, painter = self._theme, self._painter
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(COLOURS.faint))
        step, dot = theme.px(4.5), 0.9 * theme.scale
        for column in range(2):
            for line in range(3):
                x = row.right() - theme.px(1.5) - column * step
                y = row.center().y() + (line - 1) * step
                painter.drawEllipse(QPointF(x, y), dot, dot)

    def _draw_progress(self, face: PadFace) -> None:
        theme = self._theme
        track = QRectF(0, 0, self._area.width() - 2 * theme.px(PAD_MARGIN + 1), theme.px(3))
        track.moveTo(theme.px(PAD_MARGIN + 1), self._area.height() - theme.px(FOOTER + 17))
        self._painter.setPen(Qt.PenStyle.NoPen)
        self._painter.setBrush(QColor(COLOURS.line))
        self._painter.drawRoundedRect(track, track.height() / 2, track.height() / 2)
        track.setWidth(max(track.height(), track.width() * face.progress))
        self._painter.setBrush(QColor(COLOURS.accent))
        self._painter.drawRoundedRect(track, track.height() / 2, track.height() / 2)

    def _draw_state(self, spot: QRectF, face: PadFace) -> None:
        """Draw the state as a shape of its own, recognisable without colour."""
        painter, line = self._painter, 1.8 * self._theme.scale
        inner = spot.adjusted(line / 2, line / 2, -line / 2, -line / 2)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        match face.state:
            case "empty":
                painter.setPen(QPen(QColor(COLOURS.edge), line))
                painter.drawEllipse(inner)
            case "ready" if face.sounding:
                self._draw_triangle(spot, choose_take_colour(face.kind))
            case "ready":
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(choose_take_colour(face.kind)))
                painter.drawEllipse(spot.adjusted(line, line, -line, -line))
            case "pending":
                painter.setPen(QPen(QColor(COLOURS.accent), line, Qt.PenStyle.DotLine))
                painter.drawEllipse(inner)
            case "generating":
                painter.setPen(QPen(QColor(COLOURS.edge), line))
                painter.drawEllipse(inner)
                painter.setPen(QPen(QColor(COLOURS.accent), line))
                painter.drawArc(inner, 90 * 16, -round(max(0.04, face.progress) * 360 * 16))
            case "failed":
                self._draw_warning(spot)

    def _draw_triangle(self, spot: QRectF, filled: str) -> None:
        self._painter.setPen(Qt.PenStyle.NoPen)
        self._painter.setBrush(QColor(filled))
        middle = QPointF(spot.right(), spot.center().y())
        self._painter.drawPolygon(QPolygonF([spot.topLeft(), middle, spot.bottomLeft()]))

    def _draw_warning(self, spot: QRectF) -> None:
        painter, line = self._painter, 1.6 * self._theme.scale
        pen = QPen(QColor(COLOURS.failed), line)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        top = QPointF(spot.center().x(), spot.top())
        painter.drawPolygon(QPolygonF([top, spot.bottomRight(), spot.bottomLeft()]))
        middle = spot.center()
        painter.drawLine(
            QPointF(middle.x(), middle.y() - spot.height() * 0.08),
            QPointF(middle.x(), middle.y() + spot.height() * 0.14),
        )
        painter.drawPoint(QPointF(middle.x(), middle.y() + spot.height() * 0.34))

    def _draw_padlock(self, spot: QRectF) -> None:
        painter, line = self._painter, 1.5 * self._theme.scale
        body = QRectF(spot.left() + line, spot.center().y() - line / 2, 0, 0)
        body.setBottomRight(QPointF(spot.right() - line, spot.bottom()))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(COLOURS.soft))
        painter.drawRoundedRect(body, line, line)
        bow = QPainterPath()
        arch = QRectF(body.left() + line, spot.top(), body.width() - 2 * line, spot.height())
        bow.arcMoveTo(arch, 0)
        bow.arcTo(arch, 0, 180)
        painter.setPen(QPen(QColor(COLOURS.soft), line))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(bow)
