"""The loopback wizard: how long a sound takes out of the computer and back in. Main thread."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.actions.setup.choose_device import ChooseDevice
from app.model.session import Session
from app.ui.format import format_round_trip
from app.ui.widgets.controls import caption, make_button, on_click
from app.ui.widgets.theme import Theme

WIDTH = 430.0
HOW = (
    "Connect an output of the sound card to an input with a cable, or hold the microphone to the "
    "loudspeaker. Pingpad plays clicks for four seconds and finds them in the input; nothing else "
    "sounds meanwhile."
)
LISTENING = "Listening…"


class LoopbackDialog(QDialog):
    """Asks for one measurement at a time and shows what came of it."""

    def __init__(
        self, session: Session, devices: ChooseDevice, theme: Theme, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._devices = devices
        self._waits = False
        self.setWindowTitle("Round trip")
        how = QLabel(HOW)
        how.setWordWrap(True)
        self.found = caption("", "soft")
        self.found.setWordWrap(True)
        self.found.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.button = make_button("Measure", "Play the clicks and listen", theme)
        on_click(self.button, self.measure)
        column = QVBoxLayout(self)
        theme.fit(column, 12, (18, 16, 18, 16))
        column.addWidget(how)
        column.addWidget(self.found)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.button)
        column.addLayout(row)
        self.setFixedWidth(round(theme.px(WIDTH)))
        session.devices_changed.connect(self.show_result)
        self.show_result()

    def measure(self) -> None:
        """Begin, unless a recording must not be cut."""
        self._waits = self._devices.measure_round_trip()
        self.show_waiting()

    def show_result(self) -> None:
        """Show the last measurement with these devices, or that one goes on."""
        audio = self._session.audio
        if audio is not None and audio.loop is not None:
            self._waits = False
        self.show_waiting()

    def show_waiting(self) -> None:
        """Show whether a measurement goes on, else what the last one found."""
        audio = self._session.audio
        self.button.setEnabled(not self._waits)
        found = format_round_trip(audio.loop if audio is not None else None)
        self.found.setText(LISTENING if self._waits else found)
        self.adjustSize()
