"""The panel of the selected pad: name, lock, parameters and takes. Main thread."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QSlider,
    QStackedWidget,
    QVBoxLayout,
)

from app.actions.actions import Actions
from app.model.parameter_kinds import Choice
from app.model.parameters import CHOKE_GROUP, PAD_NUMBERS, PLAY_MODE
from app.model.session import Session
from app.ui.pads.parameter_pages import ShapePage, TonePage
from app.ui.pads.take_strip import TakeStrip
from app.ui.widgets.controls import Segments, TextField, add_caption, make_button, make_caption
from app.ui.widgets.icons import make_icon
from app.ui.widgets.theme import Theme

GAIN = PAD_NUMBERS["gain_db"]
GAIN_STEPS = 2
"""The gain moves in half decibels."""


class GainSlider(QSlider):
    """A slider in half decibels; a double click sets 0 dB."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setRange(round(GAIN.least * GAIN_STEPS), round(GAIN.most * GAIN_STEPS))
        self.setSingleStep(1)
        self.setPageStep(3 * GAIN_STEPS)
        self.setToolTip(f"{GAIN.tip}; a double click sets 0 dB")

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.setValue(0)
        event.accept()


class PadPanel(QFrame):
    """Settings and takes of the selected pad."""

    left = Signal()
    """The player has finished typing; the keys play pads again."""

    def __init__(self, session: Session, actions: Actions, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("panel")
        self._session = session
        self._actions = actions
        self._theme = theme
        self.takes = TakeStrip(session, actions, theme)
        self.shape = ShapePage(session, actions, theme)
        self.tone = TonePage(session, actions, theme)
        self._make_controls()
        self._lay_out()
        session.selection_changed.connect(self.show_pad)
        for pad in session.kit.pads:
            pad.changed.connect(self.show_pad)
        self.show_pad()

    def _make_controls(self) -> None:
        theme = self._theme
        self._number = make_caption("")
        self.name = TextField()
        self.name.setObjectName("name")
        self.name.setAccessibleName("Name of the pad")
        self.name.setToolTip("Type a name; empty it to show the take's own")
        self.name.editingFinished.connect(self._rename)
        self.name.left.connect(self.left)
        self.lock = make_button("", "Lock. A locked pad keeps its sound", theme)
        self.lock.setCheckable(True)
        self.lock.setProperty("quiet", "true")
        self.lock.setIcon(make_icon("unlock", checked="lock"))
        self.lock.clicked.connect(
            lambda locked: self._actions.pad_settings.set_locked(self._session.selected, locked)
        )
        self.mode = Segments(PLAY_MODE.label, PLAY_MODE.choices, theme)
        self.mode.chosen.connect(lambda mode: self._change(mode=mode))
        self.gain = GainSlider()
        self.gain.setAccessibleName("Level")
        self.gain.valueChanged.connect(self._set_gain)
        self._gain_text = make_caption("", "soft")
        self.choke = QComboBox()
        self.choke.addItems([choice.text for choice in CHOKE_GROUP.choices])
        self.choke.setAccessibleName("Choke group")
        self.choke.setToolTip("A hit ends the other pads of its group, as a closed hat an open one")
        self.choke.activated.connect(lambda group: self._change(choke_group=group))

        pages = [
            Choice(0, "Takes", "What the pad sounded like"),
            Choice(1, "Shape", "Which part of the sound, how high, how it comes and goes"),
            Choice(2, "Tone", "Left and right, brightness, velocity"),
        ]
        self.page = Segments("Show", pages, theme)
        self._pages = QStackedWidget()
        for page in (self.takes, self.shape, self.tone):
            self._pages.addWidget(page)
        self.page.chosen.connect(self.show_page)
        self.show_page(0)

    def show_page(self, number: int) -> None:
        """Show the takes (0), the shape page (1) or the tone page (2)."""
        self._pages.setCurrentIndex(number)
        self.page.show_value(number)

    def _change(self, **values: Any) -> None:  # noqa: ANN401 - fields of PadParameters
        self._actions.pad_settings.change(self._session.selected, **values)

    def _lay_out(self) -> None:
        theme = self._theme
        column = QVBoxLayout(self)
        theme.set_spacing(column, 10, (12, 10, 12, 10))
        title = QHBoxLayout()
        theme.set_spacing(title, 4)
        title.addWidget(self._number)
        title.addWidget(self.name, 1)
        title.addWidget(self.lock)
        column.addLayout(title)
        column.addWidget(self.mode)
        second = QHBoxLayout()
        theme.set_spacing(second, 14)
        second.addLayout(self._make_gain_column(), 1)
        second.addLayout(add_caption("Choke group", self.choke, theme))
        column.addLayout(second)
        theme.set_size(self.choke, width=92)
        column.addWidget(self.page)
        column.addWidget(self._pages, 1)

    def _make_gain_column(self) -> QVBoxLayout:
        column = QVBoxLayout()
        self._theme.set_spacing(column, 4)
        top = QHBoxLayout()
        self._theme.set_spacing(top, 4)
        top.addWidget(make_caption("Level"), 1)
        top.addWidget(self._gain_text)
        column.addLayout(top)
        self._theme.set_size(self.gain, height=30)
        column.addWidget(self.gain)
        column.addStretch(1)
        return column

    def _rename(self) -> None:
        if self.name.isModified():
            self.name.setModified(False)
            pad = self._session.selected_pad
            if self.name.text() != pad.title:
                self._actions.pad_settings.rename(pad.index, self.name.text())
            self.show_pad()

    def _set_gain(self, halves: int) -> None:
        self._change(gain_db=halves / GAIN_STEPS)

    def show_pad(self) -> None:
        """Show the selected pad."""
        pad = self._session.selected_pad
        self._number.setText(f"Pad {pad.index + 1}")
        if not (self.name.hasFocus() and self.name.isModified()):
            self.name.setText(pad.title)
            self.name.setCursorPosition(0)
        self.name.setPlaceholderText("empty")
        self.lock.setChecked(pad.locked)
        self.mode.show_value(pad.parameters.mode)
        blocked = self.gain.blockSignals(True)
        self.gain.setValue(round(pad.parameters.gain_db * GAIN_STEPS))
        self.gain.blockSignals(blocked)
        self._gain_text.setText(GAIN.format(pad.parameters.gain_db))
        self.choke.setCurrentIndex(pad.parameters.choke_group)
