"""The main window: lays out the panels and updates meters and playheads. Main thread."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QKeyCombination, QSize, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QIcon, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QMainWindow, QVBoxLayout, QWidget

from app.actions.actions import Actions
from app.model.session import Session
from app.ui.midi.learn_menu import MidiLearnMenu
from app.ui.midi.learnable import list_learnable
from app.ui.pads.grid import PadGrid
from app.ui.pads.key_repeats import KeyRepeats, platform_splits_repeats
from app.ui.pads.keys import VARY, PadKeys, read_keyboard_letters
from app.ui.pads.menu import PadMenu
from app.ui.pads.panel import PadPanel
from app.ui.prompt.panel import PromptPanel
from app.ui.recording.panel import RecordPanel
from app.ui.widgets.theme import BASE_SIZE, Theme
from app.ui.window.kit_bar import APP_ICON, KitBar
from app.ui.window.main_thread import MainThread
from app.ui.window.monitors import Monitors
from app.ui.window.notices import NoticeStack
from app.ui.window.status_line import StatusLine

FRAME_MS = 16
"""About 60 frames a second; only what changed is painted."""

FRAMES_PER_COUNTS = 30
"""The mixer's counts are shown twice a second."""
FRAMES_PER_EVENTS = 10
"""The MIDI window's events are shown six times a second."""
MIN_SIZE = QSize(1024, 640)
SIDE_WIDTH = 316.0
STATUS_UNITS = 46

MAX_SHARE = 0.9
"""Share of the screen that a new window may take."""
LARGE_SHARE = 0.8
"""Further reduction on a screen that is larger than the layout needs."""


def choose_size(screen: QSize) -> QSize:
    """Choose the size of a new window on a screen of `screen` logical pixels."""
    scale = MAX_SHARE * min(
        screen.width() / BASE_SIZE.width(), screen.height() / BASE_SIZE.height()
    )
    if scale > 1:
        scale = max(1.0, scale * LARGE_SHARE)
    return (BASE_SIZE * scale).expandedTo(MIN_SIZE)


class MainWindow(QMainWindow):
    """All panels, the shortcuts and the frame timer."""

    def __init__(
        self,
        session: Session,
        actions: Actions,
        monitors: Monitors,
        main_thread: MainThread,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__()
        self.theme = Theme(self)
        self._session = session
        self._actions = actions
        self._monitors = monitors
        self._now = now
        self._shown_at = now()
        self._frames = 0
        self.kit_bar = KitBar(session, actions, self.theme)
        self.prompt_panel = PromptPanel(session, actions, self.theme)
        menu = PadMenu(session, actions, main_thread, self)
        self.pads = PadGrid(session, actions, menu, self.theme)
        self.record_panel = RecordPanel(session, actions, self.theme)
        self.pad_panel = PadPanel(session, actions, self.theme)
        self.status_line = StatusLine(session, actions, self.theme)
        self.midi_learn_menu = MidiLearnMenu(session, actions.midi, actions.kit_file)
        self._centre = QWidget()
        self._lay_out()
        self.notices = NoticeStack(session, self.theme, self._centre)
        self.theme.on_scale(lambda: self.notices.keep_above(self.theme.px(STATUS_UNITS)))
        self._connect()
        self._add_learn_menus()
        self._connect_keys()
        self._style()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self.show_frame)

    # --- building ---

    def _lay_out(self) -> None:
        theme, centre = self.theme, self._centre
        centre.setObjectName("instrument")
        self.setCentralWidget(centre)
        column = QVBoxLayout(centre)
        theme.set_spacing(column, 12, (16, 12, 16, 10))
        column.addWidget(self.kit_bar)
        column.addWidget(self.prompt_panel)
        middle = QHBoxLayout()
        theme.set_spacing(middle, 12)
        middle.addWidget(self.pads, 1)
        side = QVBoxLayout()
        theme.set_spacing(side, 12)
        side.addWidget(self.record_panel)
        side.addWidget(self.pad_panel, 1)
        middle.addLayout(side)
        for panel in (self.record_panel, self.pad_panel):
            theme.set_size(panel, width=SIDE_WIDTH)
        column.addLayout(middle, 1)
        column.addWidget(self.status_line)

    def _style(self) -> None:
        self.setWindowTitle("Pingpad")
        self.setWindowIcon(QIcon(str(APP_ICON)))
        self.setMinimumSize(MIN_SIZE)
        self.resize(choose_size(self.screen().availableSize()))
        self.theme.on_scale(lambda: self.setStyleSheet(self.theme.make_style_sheet()))

    def _connect(self) -> None:
        for panel in (self.prompt_panel, self.pad_panel):
            panel.left.connect(self.pads.focus_selected)
        takes, generate = self._actions.takes, self._actions.generate
        shortcuts: tuple[tuple[str | QKeyCombination, Callable[[], object]], ...] = (
            ("Ctrl+Z", takes.undo),
            ("Ctrl+Shift+Z", takes.redo),
            ("Ctrl+Y", takes.redo),
            ("Ctrl+Return", generate.generate),
            ("Ctrl+R", generate.again),
            (VARY, generate.vary),
            ("Ctrl+O", self.kit_bar.open_kit),
            ("Ctrl+S", self.kit_bar.save_kit),
            ("Ctrl+Shift+S", lambda: self.kit_bar.save_kit(ask=True)),
            ("Ctrl+Shift+R", self._actions.master_recording.toggle),
            ("Ctrl+Q", self.close),
        )
        for keys, run in shortcuts:
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setAutoRepeat(False)
            shortcut.activated.connect(run)

    def _add_learn_menus(self) -> None:
        panels = (self.kit_bar, self.prompt_panel, self.record_panel, self.pad_panel)
        for widget, target in list_learnable(*panels):
            self.midi_learn_menu.add(widget, target)

    def _connect_keys(self) -> None:
        record = self._actions.record
        self._repeats = KeyRepeats(self)
        self.keys = PadKeys(self._session, self._actions.pad_trigger, self, read_keyboard_letters())
        self.keys.record_pressed.connect(record.press)
        self.keys.record_released.connect(record.release)
        self.keys.record_toggled.connect(record.toggle)
        self.keys.tempo_tapped.connect(self._actions.tempo.tap)
        self.keys.prompt_requested.connect(self.focus_prompt)

    # --- at run time ---

    def focus_prompt(self) -> None:
        """Focus the prompt and select its text."""
        self.prompt_panel.prompt.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.prompt_panel.prompt.selectAll()

    def show_frame(self) -> None:
        """Show the measurements of mixer and recorder since the last frame."""
        now = self._now()
        elapsed, self._shown_at = now - self._shown_at, now
        output = self._monitors.output
        level = output.meter()
        self.kit_bar.meter.show_levels(
            (level.peak_left, level.peak_right),
            elapsed,
            rms=(level.rms_left, level.rms_right),
            limiting=level.limiting,
        )
        self.pads.show_playing(output.playing, now)
        self.record_panel.show_input(self._monitors.input.level, elapsed)
        self.kit_bar.show_master_recording()
        self.status_line.show_midi(now)
        self._frames += 1
        if self._frames % FRAMES_PER_COUNTS == 0:
            self.status_line.show_counts(output.counts())
        if self._frames % FRAMES_PER_EVENTS == 0 and self.status_line.midi_window is not None:
            self.status_line.midi_window.show_events()

    def showEvent(self, event: QShowEvent) -> None:
        """Start the frame timer and the key filters; focus the prompt."""
        super().showEvent(event)
        application = QApplication.instance()
        assert application is not None
        application.installEventFilter(self.keys)
        if platform_splits_repeats():
            application.installEventFilter(
                self._repeats
            )  # the last one installed sees the keys first
        self._timer.start()
        if self.focusWidget() is None:
            self.focus_prompt()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.theme.scale_to(event.size())

    def closeEvent(self, event: QCloseEvent) -> None:
        """Stop the frame timer and release everything held."""
        self._timer.stop()
        self.keys.release_all()
        application = QApplication.instance()
        if application is not None:
            application.removeEventFilter(self._repeats)
            application.removeEventFilter(self.keys)
        super().closeEvent(event)
