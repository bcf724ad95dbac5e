"""The MIDI window, opened from the status line: setup, MIDI learn, kits and event log."""

from __future__ import annotations

from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from app.actions.actions import Actions
from app.model.session import Session
from app.ui.midi.event_log import MidiLog
from app.ui.midi.kits import MidiKits
from app.ui.midi.learn_panel import MidiLearnPanel
from app.ui.midi.setup_panel import MidiSetupPanel
from app.ui.widgets.controls import make_caption
from app.ui.widgets.theme import Theme

SIZE = (1000, 700)
SETUP_WIDTH = 430.0
LOG_HEIGHT = 230.0


class MidiWindow(QDialog):
    """A window beside the instrument; pads play while it is open. Main thread."""

    def __init__(self, session: Session, actions: Actions, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._midi = actions.midi
        self.setWindowTitle("MIDI")
        self.setModal(False)
        self.setup_panel = MidiSetupPanel(session, actions.midi, actions.pad_trigger, theme)
        self.learn_panel = MidiLearnPanel(session, actions.midi, theme)
        self.kits = MidiKits(session, actions.midi, actions.kit_file, theme)
        self.log = MidiLog(actions.midi.router, theme)
        above = QHBoxLayout()
        theme.set_spacing(above, 12)
        above.addWidget(self.setup_panel)
        right = QVBoxLayout()
        theme.set_spacing(right, 12)
        right.addWidget(self.learn_panel, 1)
        right.addWidget(self.kits)
        above.addLayout(right, 1)
        column = QVBoxLayout(self)
        theme.set_spacing(column, 10, (14, 14, 14, 14))
        column.addLayout(above, 1)
        column.addWidget(make_caption("Last events", "soft"))
        column.addWidget(self.log)
        theme.set_size(self.setup_panel, width=SETUP_WIDTH)
        theme.set_size(self.log, height=LOG_HEIGHT)
        self.resize(*(theme.px(side) for side in SIZE))

    def show_events(self) -> None:
        """Update log and clock while visible; to be called a few times a second."""
        if self.isVisible():
            self.log.show_events()
            self.setup_panel.show_clock()

    def hideEvent(self, event: QHideEvent) -> None:
        """End MIDI learn, which is not visible any more."""
        self._midi.stop_learning()
        super().hideEvent(event)
