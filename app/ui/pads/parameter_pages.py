"""Pages of parameters of the selected pad: region, pitch, envelope; pan, filters. Main thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QSlider, QVBoxLayout, QWidget

from app.actions.actions import Actions
from app.model.parameter_kinds import Number, Page
from app.model.parameters import LAYERS, LOOP_LENGTH, PAD_NUMBERS
from app.model.session import Session
from app.ui.widgets.controls import make_button, make_caption
from app.ui.widgets.theme import Theme

ROW_HEIGHT = 25.0


class ParameterSlider(QSlider):
    """A horizontal slider of a number; a double click requests its default."""

    reset_requested = Signal()

    def __init__(self, row: Number) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setRange(0, row.slider_steps)
        self.setPageStep(max(1, row.slider_steps // 20))
        self.setAccessibleName(row.label)
        self.setToolTip(f"{row.tip}; a double click sets it back")

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.reset_requested.emit()
        event.accept()


class ParameterPage(QWidget):
    """A slider for each number of a page, with other controls in a row below them."""

    def __init__(self, session: Session, actions: Actions, theme: Theme, page: Page) -> None:
        super().__init__()
        self._session = session
        self._actions = actions
        self._rows = tuple(row for row in PAD_NUMBERS.values() if row.page == page)
        self.sliders = {row.field: ParameterSlider(row) for row in self._rows}
        self._texts = {row.field: make_caption("", "soft") for row in self._rows}
        self.last_row = QHBoxLayout()
        self._lay_out(theme)
        session.selection_changed.connect(self.show_parameters)
        for pad in session.kit.pads:
            pad.changed.connect(self.show_parameters)

    def _lay_out(self, theme: Theme) -> None:
        column = QVBoxLayout(self)
        theme.set_spacing(column, 6)
        grid = QGridLayout()
        theme.set_spacing(grid, 0)
        theme.on_scale(lambda: grid.setHorizontalSpacing(theme.px(10)))
        for line, row in enumerate(self._rows):
            slider, text = self.sliders[row.field], self._texts[row.field]
            slider.valueChanged.connect(self._make_setter(row))
            slider.reset_requested.connect(self._make_resetter(row))
            text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            theme.set_size(text, width=56)
            theme.set_size(slider, height=ROW_HEIGHT)
            grid.addWidget(make_caption(row.label), line, 0)
            grid.addWidget(slider, line, 1)
            grid.addWidget(text, line, 2)
        column.addLayout(grid)
        theme.set_spacing(self.last_row, 8)
        column.addLayout(self.last_row)
        column.addStretch(1)

    def _make_setter(self, row: Number) -> Callable[[int], None]:
        return lambda step: self._set(row, row.scale.value_at(step / row.slider_steps))

    def _make_resetter(self, row: Number) -> Callable[[], None]:
        return lambda: self._set(row, row.default)

    def _set(self, row: Number, value: float) -> None:
        self._actions.pad_settings.set_number(self._session.selected, row, value)

    def change(self, **values: Any) -> None:  # noqa: ANN401 - fields of PadParameters
        """Change the selected pad's parameters."""
        self._actions.pad_settings.change(self._session.selected, **values)

    def show_parameters(self) -> None:
        """Show the selected pad's parameters."""
        parameters = self._session.selected_pad.parameters
        for row in self._rows:
            value, slider = getattr(parameters, row.field), self.sliders[row.field]
            blocked = slider.blockSignals(True)
            slider.setValue(round(row.scale.position_of(value) * row.slider_steps))
            slider.blockSignals(blocked)
            self._texts[row.field].setText(row.format(value))


class ShapePage(ParameterPage):
    """Region, tune, envelope, reverse and loop length."""

    def __init__(self, session: Session, actions: Actions, theme: Theme) -> None:
        super().__init__(session, actions, theme, "shape")
        self.reverse = make_button("Reverse", "Play the sound backwards", theme)
        self.reverse.setCheckable(True)
        self.reverse.clicked.connect(lambda on: self.change(reverse=on))
        self.loop = QComboBox()
        self.loop.addItems([choice.text for choice in LOOP_LENGTH.choices])
        self.loop.setAccessibleName("Length of a loop")
        self.loop.setToolTip(
            "Loop and toggle: go round by the sound's own length, or wait for the bar and begin "
            "anew every so many bars of the tempo"
        )
        self.loop.activated.connect(lambda index: self.change(loop_bars=LOOP_LENGTH.values[index]))
        self.last_row.addWidget(self.reverse)
        self.last_row.addStretch(1)
        self.last_row.addWidget(self.loop)
        self.show_parameters()

    def show_parameters(self) -> None:
        """Show the selected pad's parameters."""
        super().show_parameters()
        parameters = self._session.selected_pad.parameters
        self.reverse.setChecked(parameters.reverse)
        self.loop.setCurrentIndex(LOOP_LENGTH.index(parameters.loop_bars))
        self.loop.setEnabled(parameters.loops)


class TonePage(ParameterPage):
    """Pan, filters, velocity curve and layer selection."""

    def __init__(self, session: Session, actions: Actions, theme: Theme) -> None:
        super().__init__(session, actions, theme, "tone")
        self.layers = QComboBox()
        self.layers.addItems([choice.text for choice in LAYERS.choices])
        self.layers.setAccessibleName("A hit plays")
        self.layers.setToolTip(
            "What a hit plays: the chosen take, the pad's takes one after the other, or by "
            "velocity, the oldest softest; the newest sixteen take part"
        )
        self.layers.activated.connect(lambda index: self.change(layers=LAYERS.values[index]))
        self.last_row.addWidget(make_caption("A hit plays"))
        self.last_row.addWidget(self.layers, 1)
        self.show_parameters()

    def show_parameters(self) -> None:
        """Show the selected pad's parameters."""
        super().show_parameters()
        layers = self._session.selected_pad.parameters.layers
        self.layers.setCurrentIndex(LAYERS.index(layers))
