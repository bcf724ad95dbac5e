"""Record, held or latched, with the input level; files can be dropped here. Main thread."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout

from app.actions.actions import Actions
from app.model.session import Session
from app.ui.pads.button import HIT_KEYS, find_local_file
from app.ui.recording.menu import RecordMenu, format_settings
from app.ui.widgets.controls import LevelMeter, make_button, make_caption, on_click
from app.ui.widgets.theme import COLOURS, Theme


class RecordButton(QPushButton):
    """Records while it is held down, by mouse, Space or Enter; draws its own red dot."""

    def __init__(self, session: Session, actions: Actions, theme: Theme) -> None:
        super().__init__("Record")
        self._session = session
        self._actions = actions
        self._theme = theme
        self._shown = (0.0, 0)
        self.setAccessibleName("Record")
        self.setToolTip("Hold and hum or beatbox; let go to put it on the selected pad (R)")
        self.setProperty("big", "true")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.setDown(True)
            self._actions.record.press()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the recording, wherever the mouse is by now."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.setDown(False)
            self._actions.record.release()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Hold the button with Space or Enter; auto-repeat does not press again."""
        if event.key() not in HIT_KEYS:
            super().keyPressEvent(event)
        elif not event.isAutoRepeat():
            self.setDown(True)
            self._actions.record.press()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() not in HIT_KEYS:
            super().keyReleaseEvent(event)
        elif not event.isAutoRepeat():
            self.setDown(False)
            self._actions.record.release()

    def show_progress(self) -> None:
        """Show the length of the take, or what the recording waits for."""
        record = self._actions.record
        shown = (record.seconds, record.beats_to_go)
        if shown != self._shown:
            self._shown = shown
            self.update()

    @property
    def label(self) -> str:
        """The text on the button."""
        record = self._actions.record
        match record.state:
            case "sound":
                return "Waiting for a sound"
            case "beat":
                return f"Begins in {record.beats_to_go}"
            case "recording":
                return f"Recording  {record.seconds:.1f} s"
            case "resting":
                held = self._session.record_bars == 0
                return "Hold to record" if held else "Record"

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it red while recording."""
        theme, recording = self._theme, self._session.recording
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        ground = COLOURS.hover if self.underMouse() else COLOURS.raised
        edge = COLOURS.accent if self.hasFocus() else COLOURS.edge
        if recording:
            ground, edge = COLOURS.record, COLOURS.record
        painter.setPen(QPen(QColor(edge), 1))
        painter.setBrush(QColor(ground))
        painter.drawRoundedRect(area, theme.px(9), theme.px(9))
        ink = COLOURS.on_accent if recording else COLOURS.ink
        text = self.label
        painter.setFont(theme.make_font(15, 600))
        wide = painter.fontMetrics().horizontalAdvance(text)
        dot, gap = theme.px(13), theme.px(10)
        left = area.center().x() - (wide + dot + gap) / 2
        mark = QRectF(left, area.center().y() - dot / 2, dot, dot)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(ink if recording else COLOURS.record))
        if recording:
            painter.drawRect(mark.adjusted(1, 1, -1, -1))
        else:
            painter.drawEllipse(mark)
        painter.setPen(QColor(ink))
        words = QRectF(mark.right() + gap, area.top(), wide + gap, area.height())
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        painter.end()


class RecordPanel(QFrame):
    """The button, its latch and settings, the input level and a hint."""

    def __init__(self, session: Session, actions: Actions, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self._actions = actions
        self.setObjectName("panel")
        self.setAccessibleName("Record")
        self.setAcceptDrops(True)
        self.button = RecordButton(session, actions, theme)
        self.latch = make_button("Latch", "Record until pressed again (Shift+R)", theme)
        self.latch.setObjectName("latch")
        self.latch.setCheckable(True)
        self.latch.setProperty("big", "true")
        self.latch.clicked.connect(self._toggle)
        tip = "What is recorded, when it begins, how long it lasts"
        self.setup = make_button("", tip, theme, "setup")
        self.setup.setProperty("big", "true")
        on_click(self.setup, lambda: self.menu.show_below(self.setup))
        self.menu = RecordMenu(session, actions.master_recording, self)
        self.hear = make_button("Play back", "Play what was made of the recording at once", theme)
        self.hear.setCheckable(True)
        self.hear.setProperty("quiet", "true")
        self.hear.toggled.connect(self._set_play_back)
        self.level = LevelMeter("Input level", 1, theme)
        self.hint = make_caption("")
        self._theme = theme
        self._dragged_over = False
        self._latched = False
        self._lay_out()
        session.recording_changed.connect(self._show)
        session.devices_changed.connect(self._show)
        session.settings_changed.connect(self._show)
        self._show()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        self._theme.set_spacing(column, 8, (12, 12, 12, 10))
        row = QHBoxLayout()
        self._theme.set_spacing(row, 8)
        row.addWidget(self.button, 1)
        row.addWidget(self.latch)
        row.addWidget(self.setup)
        column.addLayout(row)
        column.addWidget(self.level)
        below = QHBoxLayout()
        self._theme.set_spacing(below, 8)
        below.addWidget(self.hint, 1)
        below.addWidget(self.hear)
        column.addLayout(below)

    def _toggle(self) -> None:
        self._latched = not self._session.recording
        self._actions.record.toggle()
        self._show()

    def _set_play_back(self, hears: bool) -> None:
        self._session.hear_recordings = hears

    def _show(self) -> None:
        recording = self._session.recording
        self._latched = self._latched and recording
        self.latch.setChecked(self._latched)
        self.hear.setChecked(self._session.hear_recordings)
        # No sound is generated from a resampled take.
        self.hear.setVisible(self._session.record_from == "input")
        self.button.setAccessibleDescription("recording" if recording else "not recording")
        self.button.update()
        self.hint.setText(self._make_hint())

    def _make_hint(self) -> str:
        if self._dragged_over:
            return "The prompt reshapes this sound"
        audio = self._session.audio
        from_input = self._session.record_from == "input"
        if from_input and audio is not None and audio.input_name is None:
            return "No microphone. Drop a file here"
        return format_settings(self._session) or "Hum, beatbox or drop a file here"

    def show_input(self, level: float, elapsed_s: float) -> None:
        """Show the input's linear peak since the last call, and the take's progress."""
        self.level.show_levels((level,), elapsed_s)
        self.button.show_progress()

    def _set_dragged_over(self, over: bool) -> None:
        self._dragged_over = over
        self.hint.setText(self._make_hint())
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the panel, with a frame while a file is dragged over it."""
        super().paintEvent(event)
        if self._dragged_over:
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            wide = self._theme.px(2)
            painter.setPen(QPen(QColor(COLOURS.dropped), wide, Qt.PenStyle.DashLine))
            area = QRectF(self.rect()).adjusted(wide, wide, -wide, -wide)
            painter.drawRoundedRect(area, self._theme.px(9), self._theme.px(9))
            painter.end()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept local files, a pad's own sound too: the player may want it reshaped."""
        if find_local_file(event.mimeData()) is not None:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self._set_dragged_over(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._set_dragged_over(False)
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Use the file as if it had been recorded."""
        self._set_dragged_over(False)
        path: Path | None = find_local_file(event.mimeData())
        if path is not None:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self._actions.import_file.drop_file(path, "record")
