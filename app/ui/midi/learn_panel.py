"""MidiLearnPanel: all MIDI targets with their controls, to learn and forget. Main thread."""

from __future__ import annotations

from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.actions.midi.build import MidiActions
from app.midi.messages.targets import TARGETS, Target
from app.model.session import Session
from app.ui.widgets.controls import make_button, make_caption
from app.ui.widgets.theme import Theme

WAITING = "Touch it…"


class MidiLearnPanel(QFrame):
    """A row for each target that can be learnt."""

    def __init__(self, session: Session, midi: MidiActions, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("panel")
        self._midi = midi
        self._theme = theme
        self.learn_buttons: dict[str, QPushButton] = {}
        self.forget_buttons: dict[str, QPushButton] = {}
        self.sources: dict[str, QLabel] = {}
        rows = QWidget()
        grid = QGridLayout(rows)
        theme.set_spacing(grid, 6, (0, 0, 8, 0))
        grid.setColumnStretch(1, 1)
        targets = [target for target in TARGETS.values() if target.learnable]
        for row, target in enumerate(targets):
            self._add_row(grid, row, target)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(rows)
        column = QVBoxLayout(self)
        theme.set_spacing(column, 8, (14, 12, 8, 12))
        column.addWidget(make_caption("Buttons, keys and knobs", "title"))
        column.addWidget(
            make_caption("Presses and knobs act on the pad you hit last, else on the selected one.")
        )
        column.addWidget(scroll, 1)
        midi.setup.changed.connect(self.show_targets)
        midi.control_learner.changed.connect(self.show_targets)
        session.devices_changed.connect(self.show_targets)
        self.show_targets()

    def _add_row(self, grid: QGridLayout, row: int, target: Target) -> None:
        name, theme = target.name, self._theme
        sources = make_caption("", "soft")
        learn = make_button("Learn", f"{target.title}: touch the control that is to do it", theme)
        learn.setAccessibleName(f"Learn {target.title}")
        learn.setCheckable(True)
        learn.clicked.connect(lambda start: self._toggle(name, start))
        forget = make_button("", f"Forget what was learnt for {target.title}", theme, "close")
        forget.setProperty("quiet", "true")
        forget.clicked.connect(lambda _checked: self._midi.setup.forget(target))
        theme.set_size(learn, width=92)
        self.sources[name], self.learn_buttons[name] = sources, learn
        self.forget_buttons[name] = forget
        for column, widget in enumerate((QLabel(target.title), sources, learn, forget)):
            grid.addWidget(widget, row, column)

    def _toggle(self, name: str, start: bool) -> None:
        if start:
            self._midi.learn_control(name)
        else:
            self._midi.control_learner.cancel()

    def show_targets(self) -> None:
        """Show the controls of each target, and which one is being learnt."""
        learnt = {binding.target.name for binding in self._midi.setup.learnt}
        waiting = self._midi.control_learner.target
        for name, label in self.sources.items():
            text = ", ".join(self._midi.setup.list_sources(TARGETS[name]))
            label.setText(text if len(text) <= 40 else text[:39] + "…")
            label.setToolTip(text)
            button, waits = self.learn_buttons[name], waiting == TARGETS[name]
            button.setChecked(waits)
            button.setText(WAITING if waits else "Learn")
            self.forget_buttons[name].setEnabled(name in learnt)
