"""Icons from assets/icons, drawn in the colours of the theme. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from app.ui.widgets.theme import COLOURS
from engine.files.paths import ASSETS

MAX_SIZE_PX = 96


def draw_icon(name: str, colour: str, size: int = MAX_SIZE_PX) -> QPixmap:
    """Draw the icon `name` in one colour on a transparent ground, `size` pixels square."""
    drawing = (ASSETS / "icons" / f"{name}.svg").read_text("utf-8").replace("currentColor", colour)
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(drawing.encode())).render(painter, QRectF(0, 0, size, size))
    painter.end()
    return pixmap


def make_icon(name: str, checked: str | None = None) -> QIcon:
    """Make an icon for a button; `checked` names another one for its checked state."""
    made = QIcon(draw_icon(name, COLOURS.soft))
    made.addPixmap(draw_icon(name, COLOURS.edge), QIcon.Mode.Disabled)
    if checked is not None:
        pixmap = draw_icon(checked, COLOURS.accent)
        made.addPixmap(pixmap, QIcon.Mode.Normal, QIcon.State.On)
    return made
