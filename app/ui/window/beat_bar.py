"""Sixteen notes, note repeat, metronome, bar start and loop swap. Main thread."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from app.actions.actions import Actions
from app.model.parameters import NOTE_REPEAT, SWAP_AT
from app.model.session import Session
from app.ui.widgets.controls import make_button, on_click
from app.ui.widgets.theme import Theme


class BeatBar(QWidget):
    """A row of controls for the top of the window."""

    def __init__(self, session: Session, actions: Actions, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self.metronome = make_button("Metronome", "Click on every beat of the tempo", theme)
        self.metronome.setProperty("quiet", "true")
        self.metronome.setCheckable(True)
        self.metronome.toggled.connect(lambda on: setattr(session, "metronome", on))
        self.start = make_button("Beat 1", "A bar begins now; locked loops follow it", theme)
        self.start.setProperty("quiet", "true")
        on_click(self.start, actions.beat.start_bar)
        self.swap = QComboBox()
        self.swap.addItems([choice.text for choice in SWAP_AT.choices])
        self.swap.setAccessibleName("When a running loop takes its new sound")
        self.swap.setToolTip("When a running loop crosses over to its pad's new sound")
        self.swap.activated.connect(lambda n: setattr(session, "swap_at", SWAP_AT.values[n]))
        self.repeat = QComboBox()
        self.repeat.addItems([choice.text for choice in NOTE_REPEAT.choices])
        self.repeat.setAccessibleName("Note repeat")
        self.repeat.setToolTip("Hit a held pad again and again, on the beat")
        self.repeat.activated.connect(
            lambda n: setattr(session, "note_repeat", NOTE_REPEAT.values[n])
        )
        self.notes = make_button("16 notes", "The pads play notes of the selected pad", theme)
        self.notes.setProperty("quiet", "true")
        self.notes.setCheckable(True)
        self.notes.toggled.connect(lambda on: setattr(session, "sixteen_notes", on))
        row = QHBoxLayout(self)
        theme.set_spacing(row, 6)
        for widget in (self.notes, self.repeat, self.metronome, self.start, self.swap):
            row.addWidget(widget)
        session.settings_changed.connect(self.show_settings)
        self.show_settings()

    def show_settings(self) -> None:
        """Show the session's settings."""
        self.metronome.setChecked(self._session.metronome)
        self.notes.setChecked(self._session.sixteen_notes)
        self.repeat.setCurrentIndex(NOTE_REPEAT.index(self._session.note_repeat))
        self.swap.setCurrentIndex(SWAP_AT.index(self._session.swap_at))
