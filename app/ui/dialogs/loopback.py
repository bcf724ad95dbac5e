"""The loopback dialog: measures the round trip from output to input. Main thread."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.actions.setup.choose_device import ChooseDevice
from app.model.session import Session
from app.ui.format import format_round_trip
from app.ui.widgets.controls import make_button, make_caption, on_click
from app.ui.widgets.theme import Theme

WIDTH = 430.0
HOW = (
    "Connect an output of the sound card to an input with a cable, or hold the microphone to the "
    "loudspeaker. Pingpad plays clicks for four seconds and finds them in the input; nothing else "
    "sounds meanwhile."
)
LISTENING = "Listening…"


class LoopbackDialog(QDialog):
    """Starts measurements and shows their results."""

    def __init__(
        self, session: Session, devices: ChooseDevice, theme: Theme, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._devices = devices
        self._measuring = False
        self.setWindowTitle("Round trip")
        how = QLabel(HOW)
        how.setWordWrap(True)
        self.found = make_caption("", "soft")
        self.found.setWordWrap(True)
        self.found.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.button = make_button("Measure", "Play the clicks and listen", theme)
        on_click(self.button, self.measure)
        column = QVBoxLayout(self)
        theme.set_spacing(column, 12, (18, 16, 18, 16))
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
        """Start a measurement, unless a recording is in progress."""
        self._measuring = self._devices.measure_round_trip()
        self.show_state()

    def show_result(self) -> None:
        """Show the result of a finished measurement."""
        audio = self._session.audio
        if audio is not None and audio.round_trip is not None:
            self._measuring = False
        self.show_state()

    def show_state(self) -> None:
        """Show that a measurement is in progress, or the last result."""
        audio = self._session.audio
        self.button.setEnabled(not self._measuring)
        found = format_round_trip(audio.round_trip if audio is not None else None)
        self.found.setText(LISTENING if self._measuring else found)
        self.adjustSize()
