"""Record: held or latched, with the input's level; files may be dropped here. Main thread."""

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
from app.ui.pads.button import HIT_KEYS, local_file
from app.ui.recording.menu import RecordMenu, summary
from app.ui.widgets.controls import LevelMeter, caption, make_button, on_click
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
        """Record from the press on."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.setDown(True)
            self._actions.record.press()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """The recording ends with the press, wherever the mouse is by now."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.setDown(False)
            self._actions.record.release()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space and Enter hold the button; their auto-repeat does not press again."""
        if event.key() not in HIT_KEYS:
            super().keyPressEvent(event)
        elif not event.isAutoRepeat():
            self.setDown(True)
            self._actions.record.press()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Let go."""
        if event.key() not in HIT_KEYS:
            super().keyReleaseEvent(event)
        elif not event.isAutoRepeat():
            self.setDown(False)
            self._actions.record.release()

    def follow(self) -> None:
        """Show how long the take is by now, or what it waits for."""
        record = self._actions.record
        shown = (record.seconds, record.beats_to_go)
        if shown != self._shown:
            self._shown = shown
            self.update()

    @property
    def words(self) -> str:
        """What stands on the button."""
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
        """Draw it red while recording, with the running time, calm otherwise."""
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
        text = self.words
        painter.setFont(theme.font(15, 600))
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
    """The button, its latch, the input's level and what is plugged in."""

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
        self.menu = RecordMenu(session, actions.perform, self)
        self.hear = make_button("Play back", "Play what was made of the recording at once", theme)
        self.hear.setCheckable(True)
        self.hear.setProperty("quiet", "true")
        self.hear.toggled.connect(self._choose_hearing)
        self.level = LevelMeter("Input level", 1, theme)
        self.hint = caption("")
        self._theme = theme
        self._invited = False
        self._latched = False
        self._build()
        session.recording_changed.connect(self._show)
        session.devices_changed.connect(self._show)
        session.settings_changed.connect(self._show)
        self._show()

    def _build(self) -> None:
        column = QVBoxLayout(self)
        self._theme.fit(column, 8, (12, 12, 12, 10))
        row = QHBoxLayout()
        self._theme.fit(row, 8)
        row.addWidget(self.button, 1)
        row.addWidget(self.latch)
        row.addWidget(self.setup)
        column.addLayout(row)
        column.addWidget(self.level)
        below = QHBoxLayout()
        self._theme.fit(below, 8)
        below.addWidget(self.hint, 1)
        below.addWidget(self.hear)
        column.addLayout(below)

    def _toggle(self) -> None:
        self._latched = not self._session.recording
        self._actions.record.toggle()
        self._show()

    def _choose_hearing(self, hears: bool) -> None:
        self._session.hear_recordings = hears

    def _show(self) -> None:
        recording = self._session.recording
        self._latched = self._latched and recording
        self.latch.setChecked(self._latched)
        self.hear.setChecked(self._session.hear_recordings)
        # Nothing is made of what is played: it lands on its pad as it is.
        self.hear.setVisible(self._session.record_from == "input")
        self.button.setAccessibleDescription("recording" if recording else "not recording")
        self.button.update()
        self.hint.setText(self._hint_text())

    def _hint_text(self) -> str:
        if self._invited:
            return "The prompt reshapes this sound"
        audio = self._session.audio
        of_input = self._session.record_from == "input"
        if of_input and audio is not None and audio.input_name is None:
            return "No microphone. Drop a file here"
        return summary(self._session) or "Hum, beatbox or drop a file here"

    def show_input(self, level: float, elapsed_s: float) -> None:
        """Show the input's linear peak since the last call, and how the take goes."""
        self.level.show_levels((level,), elapsed_s)
        self.button.follow()

    def _invite(self, invited: bool) -> None:
        self._invited = invited
        self.hint.setText(self._hint_text())
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the panel, with a frame while a file is held over it."""
        super().paintEvent(event)
        if self._invited:
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            wide = self._theme.px(2)
            painter.setPen(QPen(QColor(COLOURS.dropped), wide, Qt.PenStyle.DashLine))
            area = QRectF(self.rect()).adjusted(wide, wide, -wide, -wide)
            painter.drawRoundedRect(area, self._theme.px(9), self._theme.px(9))
            painter.end()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take local files, a pad's own sound too: it may be what the player wants reshaped."""
        if local_file(event.mimeData()) is not None:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self._invite(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """The file went elsewhere."""
        self._invite(False)
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Use the file as if it had been recorded."""
        self._invite(False)
        path: Path | None = local_file(event.mimeData())
        if path is not None:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self._actions.transfer.drop_file(path, "record")
