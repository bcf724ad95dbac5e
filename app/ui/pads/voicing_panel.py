"""How the selected pad's sound is shaped: region, pitch, place, envelope, filters. Main thread."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QSlider, QVBoxLayout, QWidget

from app.actions.actions import Actions
from app.audio.mixer.voicing import (
    HIGHEST_HZ,
    LAYER_SELECTIONS,
    LONGEST_ATTACK_S,
    LONGEST_DECAY_S,
    LONGEST_RELEASE_S,
    LOOP_BARS,
    LOWEST_HZ,
    MOST_TUNE,
    MOST_VELOCITY_CURVE,
    SHORTEST_REGION,
    SHORTEST_RELEASE_S,
    USUAL,
)
from app.model.session import Session
from app.ui.widgets.controls import caption, make_button
from app.ui.widgets.theme import Theme

ROW_HEIGHT = 25.0
SHORTEST_S = 0.002
"""The first step above 0 of an envelope's time."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A slider's way of counting: turns its share 0..1 into a value and back."""

    value: Callable[[float], float]
    share: Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Control:
    """One number of a Voicing as a slider."""

    field: str
    label: str
    tip: str
    steps: int
    scale: Scale
    text: Callable[[float], str]


def _straight(least: float, most: float) -> Scale:
    return Scale(
        lambda share: round(least + share * (most - least), 6),
        lambda value: (value - least) / (most - least),
    )


def _octaves(least: float, most: float, zero: float | None) -> Scale:
    """Equal steps are equal ratios; the left end is `zero` where there is one."""
    span = math.log(most / least)

    def value(share: float) -> float:
        if share <= 0.0 and zero is not None:
            return zero
        return min(max(least * math.exp(share * span), least), most)

    def share(value: float) -> float:
        return 0.0 if value <= least else math.log(value / least) / span

    return Scale(value, share)


def _pan(value: float) -> str:
    side = "L" if value < 0 else "R"
    return f"{side} {abs(value) * 100:.0f}" if value else "Centre"


def _hertz(none: float) -> Callable[[float], str]:
    def text(value: float) -> str:
        if value == none:
            return "Off"
        return f"{value / 1000:.1f} kHz" if value >= 1000 else f"{value:.0f} Hz"

    return text


def _seconds(zero: str) -> Callable[[float], str]:
    def text(value: float) -> str:
        if value == 0.0:
            return zero
        return f"{value:.2f} s" if value >= 0.995 else f"{value * 1000:.0f} ms"

    return text


def _percent(value: float) -> str:
    return f"{value * 100:.1f} %"


SHAPE = (
    Control(
        "tune",
        "Tune",
        "Semitones; up is faster and shorter",
        96,
        _straight(-MOST_TUNE, MOST_TUNE),
        lambda value: f"{value:+g} st" if value else "0 st",
    ),
    Control("start", "Start", "Where the sound begins", 1000, _straight(0.0, 1.0), _percent),
    Control("end", "End", "Where the sound ends", 1000, _straight(0.0, 1.0), _percent),
    Control(
        "attack_s",
        "Attack",
        "How long it takes to come in",
        200,
        _octaves(SHORTEST_S, LONGEST_ATTACK_S, 0.0),
        _seconds("None"),
    ),
    Control(
        "decay_s",
        "Decay",
        "How long it takes to die away",
        200,
        _octaves(SHORTEST_S, LONGEST_DECAY_S, 0.0),
        _seconds("None"),
    ),
    Control(
        "release_s",
        "Release",
        "How long it fades when you let go (gate) or end it (toggle)",
        200,
        _octaves(SHORTEST_RELEASE_S, LONGEST_RELEASE_S, None),
        _seconds("None"),
    ),
)
TONE = (
    Control("pan", "Pan", "Left and right", 100, _straight(-1.0, 1.0), _pan),
    Control(
        "low_pass_hz",
        "Low-pass",
        "Takes away what is higher",
        200,
        _octaves(LOWEST_HZ, HIGHEST_HZ, None),
        _hertz(HIGHEST_HZ),
    ),
    Control(
        "high_pass_hz",
        "High-pass",
        "Takes away what is lower",
        200,
        _octaves(LOWEST_HZ, HIGHEST_HZ, None),
        _hertz(LOWEST_HZ),
    ),
    Control(
        "velocity_curve",
        "Velocity",
        "How much softer a soft hit is: 0 always full, 2 as usual, 4 steep",
        40,
        _straight(0.0, MOST_VELOCITY_CURVE),
        lambda value: f"{value:.1f}" if value else "Full",
    ),
)


LAYER_TEXTS = ("the chosen take", "its takes in turn", "its takes by velocity")
LOOP_TEXTS = ("Loops freely", "1 bar", "2 bars", "4 bars", "8 bars")


class ShareSlider(QSlider):
    """A horizontal slider; a double click asks for the usual value."""

    usual_wanted = Signal()

    def __init__(self, control: Control) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setRange(0, control.steps)
        self.setPageStep(max(1, control.steps // 20))
        self.setAccessibleName(control.label)
        self.setToolTip(f"{control.tip}; a double click sets it back")

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Set it back."""
        self.usual_wanted.emit()
        event.accept()


class VoicingPage(QWidget):
    """A slider for each of a few numbers, and a control of another kind below them."""

    def __init__(
        self, session: Session, actions: Actions, theme: Theme, controls: tuple[Control, ...]
    ) -> None:
        super().__init__()
        self._session = session
        self._actions = actions
        self._controls = controls
        self.sliders = {control.field: ShareSlider(control) for control in controls}
        self._texts = {control.field: caption("", "soft") for control in controls}
        self.last_row = QHBoxLayout()
        self._lay_out(theme)
        session.selection_changed.connect(self.show_voicing)
        for pad in session.kit.pads:
            pad.changed.connect(self.show_voicing)

    def _lay_out(self, theme: Theme) -> None:
        column = QVBoxLayout(self)
        theme.fit(column, 6)
        grid = QGridLayout()
        theme.fit(grid, 0)
        theme.keep(lambda: grid.setHorizontalSpacing(theme.px(10)))
        for row, control in enumerate(self._controls):
            slider, text = self.sliders[control.field], self._texts[control.field]
            slider.valueChanged.connect(self._moved(control))
            slider.usual_wanted.connect(self._set_back(control))
            text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            theme.fix(text, width=56)
            theme.fix(slider, height=ROW_HEIGHT)
            grid.addWidget(caption(control.label), row, 0)
            grid.addWidget(slider, row, 1)
            grid.addWidget(text, row, 2)
        column.addLayout(grid)
        theme.fit(self.last_row, 8)
        column.addLayout(self.last_row)
        column.addStretch(1)

    def _moved(self, control: Control) -> Callable[[int], None]:
        return lambda step: self._set(control, control.scale.value(step / control.steps))

    def _set_back(self, control: Control) -> Callable[[], None]:
        return lambda: self._set(control, getattr(USUAL, control.field))

    def _set(self, control: Control, value: float) -> None:
        voicing = self._session.selected_pad.voicing
        if control.field == "start":
            value = min(value, voicing.end - SHORTEST_REGION)
        elif control.field == "end":
            value = max(value, voicing.start + SHORTEST_REGION)
        self.change(**{control.field: value})

    def change(self, **values: Any) -> None:  # noqa: ANN401 - fields of Voicing
        """Change the selected pad's voicing."""
        self._actions.pad_settings.change(self._session.selected, **values)

    def show_voicing(self) -> None:
        """Show how the selected pad plays."""
        voicing = self._session.selected_pad.voicing
        for control in self._controls:
            value, slider = getattr(voicing, control.field), self.sliders[control.field]
            blocked = slider.blockSignals(True)
            slider.setValue(round(control.scale.share(value) * control.steps))
            slider.blockSignals(blocked)
            self._texts[control.field].setText(control.text(value))


class ShapePage(VoicingPage):
    """Which part of the sound, how fast, how it comes and goes."""

    def __init__(self, session: Session, actions: Actions, theme: Theme) -> None:
        super().__init__(session, actions, theme, SHAPE)
        self.reverse = make_button("Reverse", "Play the sound backwards", theme)
        self.reverse.setCheckable(True)
        self.reverse.clicked.connect(lambda on: self.change(reverse=on))
        self.loop = QComboBox()
        self.loop.addItems(LOOP_TEXTS)
        self.loop.setAccessibleName("Length of a loop")
        self.loop.setToolTip(
            "Loop and toggle: go round by the sound's own length, or wait for the bar and begin "
            "anew every so many bars of the tempo"
        )
        self.loop.activated.connect(lambda number: self.change(loop_bars=LOOP_BARS[number]))
        self.last_row.addWidget(self.reverse)
        self.last_row.addStretch(1)
        self.last_row.addWidget(self.loop)
        self.show_voicing()

    def show_voicing(self) -> None:
        """Show how the selected pad plays."""
        super().show_voicing()
        voicing = self._session.selected_pad.voicing
        self.reverse.setChecked(voicing.reverse)
        self.loop.setCurrentIndex(LOOP_BARS.index(voicing.loop_bars))
        self.loop.setEnabled(voicing.goes_round)


class TonePage(VoicingPage):
    """Where the sound is, how bright, and what velocity does."""

    def __init__(self, session: Session, actions: Actions, theme: Theme) -> None:
        super().__init__(session, actions, theme, TONE)
        self.layers = QComboBox()
        self.layers.addItems(LAYER_TEXTS)
        self.layers.setAccessibleName("A hit plays")
        self.layers.setToolTip(
            "What a hit plays: the chosen take, the pad's takes one after the other, or by "
            "velocity, the oldest softest; the newest sixteen take part"
        )
        self.layers.activated.connect(lambda number: self.change(layers=LAYER_SELECTIONS[number]))
        self.last_row.addWidget(caption("A hit plays"))
        self.last_row.addWidget(self.layers, 1)
        self.show_voicing()

    def show_voicing(self) -> None:
        """Show how the selected pad plays."""
        super().show_voicing()
        layers = self._session.selected_pad.voicing.layers
        self.layers.setCurrentIndex(LAYER_SELECTIONS.index(layers))
