"""The top of the window: the kit, its files, the beat and the master level. Main thread."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QLabel, QSlider, QWidget

from app.actions.actions import Actions
from app.actions.recording.master_recording import format_length
from app.model.parameters import MASTER_GAIN
from app.model.session import Session
from app.ui.widgets.controls import LevelMeter, make_button, make_caption, on_click
from app.ui.widgets.icons import draw_icon
from app.ui.widgets.theme import Theme
from app.ui.window.beat_bar import BeatBar
from engine.files.paths import ASSETS

MASTER_STEPS = 2
"""The master level moves in half decibels."""


class KitBar(QWidget):
    """Kit name, open, save; beat; full level, silence; master level and recording."""

    def __init__(self, session: Session, actions: Actions, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self._actions = actions
        self._mark = QLabel()
        self._divider = QFrame()
        self._divider.setObjectName("divider")
        self._name = make_caption("", "title")
        make = make_button
        self.open_button = make("Open", "Open a kit (Ctrl+O)", theme, "open")
        on_click(self.open_button, self.open_kit)
        self.save_button = make("Save", "Save the kit (Ctrl+S)", theme, "save")
        on_click(self.save_button, self.save_kit)
        tip = (
            "Full level: every hit, by mouse or MIDI, is as loud as can be. Off: the velocity "
            "counts, and a mouse is louder high on a pad than at its lower edge"
        )
        self.full_level = make("", tip, theme, "level")
        self.full_level.setProperty("quiet", "true")
        self.full_level.setCheckable(True)
        self.full_level.toggled.connect(lambda on: setattr(session, "full_level", on))
        self.silence = make("", "Silence. Ends all sounds (Esc)", theme, "stop")
        self.silence.setProperty("quiet", "true")
        on_click(self.silence, actions.pad_trigger.stop_all)
        self.beat = BeatBar(session, actions, theme)
        self.master = QSlider(Qt.Orientation.Horizontal)
        least, most = MASTER_GAIN.least * MASTER_STEPS, MASTER_GAIN.most * MASTER_STEPS
        self.master.setRange(round(least), round(most))
        self.master.setPageStep(3 * MASTER_STEPS)
        self.master.setAccessibleName("Master level")
        self.master.valueChanged.connect(self._set_master)
        self.meter = LevelMeter("Output level", 2, theme)
        tip = "Record all that is played to a file (Ctrl+Shift+R)"
        self.perform = make("", tip, theme, "record")
        self.perform.setObjectName("perform")
        self.perform.setProperty("quiet", "true")
        self.perform.setCheckable(True)
        on_click(self.perform, self._toggle_perform)
        self._lay_out(theme)
        session.kit.changed.connect(self._show_name)
        session.settings_changed.connect(self._show_settings)
        self._show_name()
        self._show_settings()

    def _lay_out(self, theme: Theme) -> None:
        row = QHBoxLayout(self)
        theme.set_spacing(row, 8)
        row.addWidget(self._mark)
        row.addWidget(make_caption("Pingpad", "brand"))
        row.addWidget(self._divider)
        row.addWidget(self._name)
        row.addSpacing(8)
        row.addWidget(self.open_button)
        row.addWidget(self.save_button)
        row.addStretch(1)
        row.addWidget(self.beat)
        row.addWidget(self.full_level)
        row.addWidget(self.silence)
        row.addWidget(self.master)
        row.addWidget(self.meter)
        row.addWidget(self.perform)
        theme.set_size(self.master, width=96)
        theme.set_size(self.meter, width=104)
        theme.set_size(self._divider, width=1, height=18)

        def draw_mark() -> None:
            ratio = self.devicePixelRatioF()
            picture = draw_icon("pingpad", "", round(theme.px(24) * ratio))
            picture.setDevicePixelRatio(ratio)
            self._mark.setPixmap(picture)
            self._mark.setFixedSize(QSize(theme.px(24), theme.px(24)))

        theme.on_scale(draw_mark)

    def _toggle_perform(self) -> None:
        self._actions.master_recording.toggle()
        self.show_master_recording()

    def show_master_recording(self) -> None:
        """Show whether the output is recorded, and for how long; to be called on every frame."""
        performing = self._session.master_recording
        text = f" {format_length(self._actions.master_recording.seconds)}" if performing else ""
        if (performing, text) != (self.perform.isChecked(), self.perform.text()):
            self.perform.setChecked(performing)
            self.perform.setText(text)
            self.perform.setProperty("square", "false" if text else "true")
            self.perform.style().polish(self.perform)

    def _set_master(self, step: int) -> None:
        self._session.master_gain_db = step / MASTER_STEPS

    def _show_settings(self) -> None:
        self.full_level.setChecked(self._session.full_level)
        gain_db = self._session.master_gain_db
        blocked = self.master.blockSignals(True)
        self.master.setValue(round(gain_db * MASTER_STEPS))
        self.master.blockSignals(blocked)
        self.master.setToolTip(f"{MASTER_GAIN.label}: {MASTER_GAIN.format(gain_db)}")

    def _show_name(self) -> None:
        self._name.setText(self._session.kit.name)

    def open_kit(self) -> None:
        """Ask for a kit's folder and open it."""
        folder = self._actions.kit_file.folder
        start = str(folder.parent if folder else Path.home())
        chosen = QFileDialog.getExistingDirectory(self.window(), "Open a kit", start)
        if chosen:
            self._actions.kit_file.open(Path(chosen))

    def save_kit(self, *, ask: bool = False) -> None:
        """Save the kit; ask for its folder the first time, or with `ask`."""
        folder = self._actions.kit_file.folder
        if folder is None or ask:
            start = folder or Path.home() / self._session.kit.name
            chosen, _ = QFileDialog.getSaveFileName(self.window(), "Save the kit as", str(start))
            folder = Path(chosen) if chosen else None
        if folder is not None:
            self._actions.kit_file.save(folder)


APP_ICON = ASSETS / "icons" / "pingpad.svg"
