"""Small controls that several panels use. Main thread."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QActionGroup, QColor, QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.model.parameter_kinds import Choice
from app.ui.widgets.icons import make_icon
from app.ui.widgets.theme import COLOURS, Theme, make_colour

Value = TypeVar("Value")

LEAVE_KEYS = (Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter)

FLOOR_DB = -48.0
"""The lower end of a level meter."""

PEAK_ALPHA = 0.5
"""Opacity of a meter's bar above the RMS level."""

HOT_DB = -1.0
"""Peaks above this turn a meter amber."""


def make_caption(text: str, role: str = "caption") -> QLabel:
    """Make a label in one of the style sheet's roles: caption, soft, title, warning."""
    label = QLabel(text)
    label.setProperty("role", role)
    return label


def add_caption(text: str, field: QWidget, theme: Theme) -> QVBoxLayout:
    """Lay a field out below a caption, which becomes its accessible name too."""
    layout = QVBoxLayout()
    theme.set_spacing(layout, 4)
    label = make_caption(text)
    label.setBuddy(field)
    if not field.accessibleName():
        field.setAccessibleName(text)
    layout.addWidget(label)
    layout.addWidget(field)
    layout.addStretch(1)
    return layout


def make_button(text: str, tip: str, theme: Theme, icon_name: str = "") -> QPushButton:
    """Make a push button; one without text is a square with an icon, named by its tooltip."""
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setAccessibleName(text or tip.split(".", 1)[0])
    button.setAutoDefault(False)
    theme.on_scale(lambda: button.setIconSize(QSize(theme.px(16), theme.px(16))))
    if icon_name:
        # Qt puts icon and text too close together, and style sheets cannot change that.
        button.setText(f" {text}" if text else "")
        button.setIcon(make_icon(icon_name))
    if not text:
        button.setProperty("square", "true")
    return button


def on_click(button: QPushButton, do: Callable[[], object]) -> None:
    """Call `do` on every click, without Qt's `checked` argument."""
    button.clicked.connect(lambda _checked: do())


def add_choices(
    menu: QMenu,
    choices: Iterable[Choice[Value]],
    chosen: Value,
    choose: Callable[[Value], object],
) -> None:
    """Add an exclusive group of values to a menu; `choose` gets the one that is picked."""
    group = QActionGroup(menu)
    for choice in choices:
        action = menu.addAction(choice.text)
        action.setCheckable(True)
        action.setChecked(choice.value == chosen)
        action.triggered.connect(lambda _checked, value=choice.value: choose(value))
        group.addAction(action)


class Segments(QFrame, Generic[Value]):
    """A segmented control: a row of buttons of which one is checked."""

    chosen = Signal(object)
    """The value that the player chose."""

    def __init__(self, name: str, choices: Sequence[Choice[Value]], theme: Theme) -> None:
        super().__init__()
        self.setObjectName("segments")
        self.setAccessibleName(name)
        self._choices = tuple(choices)
        self._group = QButtonGroup(self)
        row = QHBoxLayout(self)
        theme.set_spacing(row, 0)
        for number, choice in enumerate(self._choices):
            button = QPushButton(choice.text)
            button.setCheckable(True)
            button.setAutoDefault(False)
            button.setToolTip(choice.tip)
            button.setAccessibleName(f"{name}: {choice.text}")
            self._group.addButton(button, number)
            row.addWidget(button, 1)
        self._group.idClicked.connect(self._emit_choice)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def _emit_choice(self, number: int) -> None:
        self.chosen.emit(self._choices[number].value)

    def show_value(self, value: Value) -> None:
        """Show a value without a signal; a value that is not a choice unchecks all buttons."""
        self._group.setExclusive(False)
        for number, choice in enumerate(self._choices):
            self._group.button(number).setChecked(choice.value == value)
        self._group.setExclusive(True)

    def find_button(self, value: Value) -> QPushButton:
        """Return the button of a value."""
        numbers = (n for n, choice in enumerate(self._choices) if choice.value == value)
        found = self._group.button(next(numbers))
        assert isinstance(found, QPushButton)
        return found


class TextField(QLineEdit):
    """A line edit; Esc and Enter leave it."""

    left = Signal()
    """The player has left the field by Esc or Enter."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        super().keyPressEvent(event)
        if event.key() in LEAVE_KEYS:
            self.left.emit()
            event.accept()


class NumberField(QDoubleSpinBox):
    """A spin box without buttons; Esc and Enter leave it."""

    left = Signal()
    """The player has left the field by Esc or Enter."""

    def __init__(self, least: float, most: float, decimals: int, suffix: str = "") -> None:
        super().__init__()
        self.setRange(least, most)
        self.setDecimals(decimals)
        self.setSuffix(suffix)
        self.setKeyboardTracking(False)
        self.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        self.setAlignment(Qt.AlignmentFlag.AlignLeft)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        super().keyPressEvent(event)
        if event.key() in LEAVE_KEYS:
            self.left.emit()
            event.accept()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_text()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        self._place_text()

    def _place_text(self) -> None:
        # A styled spin box without buttons gives its text field a width of one pixel.
        side = max(4, self.height() // 4)
        self.lineEdit().setGeometry(self.rect().adjusted(side, 1, -side, -1))

    def show_value(self, value: float) -> None:
        """Show a value without a signal, unless the player is typing another one."""
        if value != self.value() and not (self.hasFocus() and self.lineEdit().isModified()):
            blocked = self.blockSignals(True)
            self.setValue(value)
            self.blockSignals(blocked)


class LevelMeter(QWidget):
    """A horizontal meter for one or two channels: peaks that fall by 24 dB per second, and within
    them, brighter, the RMS level if it is known.
    """

    FALL_DB_PER_S = 24.0

    def __init__(self, name: str, channels: int, theme: Theme) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self._theme = theme
        self._levels_db = [FLOOR_DB] * channels
        self._rms_db = [FLOOR_DB] * channels
        self._limiting = False
        theme.set_size(self, height=6 * channels + 2 * (channels - 1))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def levels_db(self) -> tuple[float, ...]:
        """The shown peaks, in dBFS."""
        return tuple(self._levels_db)

    @property
    def rms_db(self) -> tuple[float, ...]:
        """The shown RMS levels, in dBFS."""
        return tuple(self._rms_db)

    def show_levels(
        self,
        peaks: Sequence[float],
        elapsed_s: float,
        *,
        rms: Sequence[float] = (),
        limiting: bool = False,
    ) -> None:
        """Show linear peaks and RMS since the last call, `elapsed_s` ago."""
        levels = self._apply_fall(peaks, self._levels_db, elapsed_s)
        means = self._apply_fall(rms or peaks, self._rms_db, elapsed_s)
        if (levels, means, limiting) != (self._levels_db, self._rms_db, self._limiting):
            self._levels_db, self._rms_db, self._limiting = levels, means, limiting
            self.update()

    def _apply_fall(
        self, values: Sequence[float], shown_db: Sequence[float], elapsed_s: float
    ) -> list[float]:
        falling = elapsed_s * self.FALL_DB_PER_S
        return [
            max(to_db(value), before - falling, FLOOR_DB)
            for value, before in zip(values, shown_db, strict=True)
        ]

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw a bar for each channel, amber while the limiter works."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        gap = self._theme.px(2)
        count = len(self._levels_db)
        high = (self.height() - gap * (count - 1)) / count
        for number, level in enumerate(self._levels_db):
            bar = QRectF(0, number * (high + gap), self.width(), high)
            painter.setBrush(QColor(COLOURS.line))
            painter.drawRoundedRect(bar, high / 2, high / 2)
            hot = self._limiting or level > HOT_DB
            tint = COLOURS.accent if hot else COLOURS.generated
            for value, strength in ((level, PEAK_ALPHA), (self._rms_db[number], 1.0)):
                share = (value - FLOOR_DB) / -FLOOR_DB
                if share > 0:
                    filled = QRectF(bar)
                    filled.setWidth(max(high, min(1.0, share) * bar.width()))
                    painter.setBrush(make_colour(tint, strength))
                    painter.drawRoundedRect(filled, high / 2, high / 2)
        painter.end()


def to_db(peak: float) -> float:
    """Convert a linear peak to dBFS, not below the meter's floor."""
    return 20 * math.log10(peak) if peak > 10 ** (FLOOR_DB / 20) else FLOOR_DB
