"""MidiKits: the kits that MIDI controls can open, and their controls. Main thread."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.actions.files.kit_file import KitFile
from app.actions.midi.build import MidiActions
from app.midi.messages.targets import TARGETS
from app.model.session import Session
from app.ui.midi.learn_panel import WAITING
from app.ui.widgets.controls import make_button, make_caption
from app.ui.widgets.theme import Theme

KIT = TARGETS["kit"]
HOW = "A program change, with its bank, or a key opens a kit: sixteen other pads."
NONE_YET = "Save the kit on the pads; then Learn is here for it."
ON_THE_PADS = "on the pads"


class MidiKits(QFrame):
    """A row for each kit that MIDI opens, and for the kit on the pads."""

    def __init__(
        self, session: Session, midi: MidiActions, kit_file: KitFile, theme: Theme
    ) -> None:
        super().__init__()
        self.setObjectName("panel")
        self._midi = midi
        self._kit_file = kit_file
        self._theme = theme
        self.sources: dict[str, QLabel] = {}
        self.learn_buttons: dict[str, QPushButton] = {}
        self.forget_buttons: dict[str, QPushButton] = {}
        self._shown: tuple[str, ...] | None = None
        self._rows = QWidget()
        column = QVBoxLayout(self)
        theme.set_spacing(column, 6, (14, 10, 14, 10))
        column.addWidget(make_caption("Kits", "title"))
        self.how = make_caption(HOW)
        column.addWidget(self.how)
        column.addWidget(self._rows)
        midi.setup.changed.connect(self.show_kits)
        midi.control_learner.changed.connect(self.show_kits)
        session.kit.changed.connect(self.show_kits)
        session.devices_changed.connect(self.show_kits)
        self.show_kits()

    @property
    def _current(self) -> str:
        """The folder of the kit on the pads; "" while it has none."""
        return str(self._kit_file.folder or "")

    def show_kits(self) -> None:
        """Show the kits, the controls that open each, and which one is on the pads."""
        setup, learn, current = self._midi.setup, self._midi.control_learner, self._current
        kits = tuple(dict.fromkeys(kit for kit in (current, *setup.list_kits()) if kit))
        if kits != self._shown:
            self._shown = kits
            self._lay_out(kits)
        self.how.setText(HOW if kits else f"{HOW} {NONE_YET}")
        learnt = {binding.kit for binding in setup.learnt}
        for kit in kits:
            words = [*setup.list_sources(KIT, kit), *([ON_THE_PADS] if kit == current else [])]
            self.sources[kit].setText(", ".join(words))
            waits = learn.target == KIT and learn.kit == kit
            self.learn_buttons[kit].setChecked(waits)
            self.learn_buttons[kit].setText(WAITING if waits else "Learn")
            self.forget_buttons[kit].setEnabled(kit in learnt)

    def _lay_out(self, kits: tuple[str, ...]) -> None:
        layout = self.layout()
        assert layout is not None
        rows, theme = QWidget(), self._theme
        layout.replaceWidget(self._rows, rows)
        self._rows.deleteLater()
        self._rows = rows
        for table in (self.sources, self.learn_buttons, self.forget_buttons):
            table.clear()
        grid = QGridLayout(rows)
        theme.set_spacing(grid, 6)
        grid.setColumnStretch(1, 1)
        for row, kit in enumerate(kits):
            name = Path(kit).stem
            sources = self.sources[kit] = make_caption("", "soft")
            learn = make_button("Learn", f"{name}: touch what is to open it", theme)
            learn.setAccessibleName(f"Learn what opens {name}")
            learn.setCheckable(True)
            learn.clicked.connect(lambda start, kit=kit: self._toggle(kit, start))
            forget = make_button("", f"Forget what was learnt for {name}", theme, "close")
            forget.setProperty("quiet", "true")
            forget.clicked.connect(lambda _checked, kit=kit: self._midi.setup.forget(KIT, kit))
            theme.set_size(learn, width=92)
            self.learn_buttons[kit], self.forget_buttons[kit] = learn, forget
            for column, widget in enumerate((QLabel(name), sources, learn, forget)):
                grid.addWidget(widget, row, column)

    def _toggle(self, kit: str, start: bool) -> None:
        if start:
            self._midi.learn_control("kit", kit)
        else:
            self._midi.control_learner.cancel()
