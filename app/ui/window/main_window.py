"""The window: puts the panels together and moves what moves. Main thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from PySide6.QtCore import QKeyCombination, QSize, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QIcon, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QMainWindow, QVBoxLayout, QWidget

from app.actions.actions import Actions
from app.model.parameters import PAD_NUMBERS
from app.model.session import Session
from app.ui.midi.learn_menu import MidiLearnMenu
from app.ui.pads.grid import PadGrid
from app.ui.pads.key_repeats import KeyRepeats, platform_splits_repeats
from app.ui.pads.keys import VARY, PadKeys, keyboard_letters
from app.ui.pads.menu import PadMenu
from app.ui.pads.panel import PadPanel
from app.ui.prompt.panel import PromptPanel
from app.ui.recording.panel import RecordPanel
from app.ui.widgets.theme import BASE_SIZE, Theme
from app.ui.window.kit_bar import APP_ICON, KitBar
from app.ui.window.main_thread import MainThread
from app.ui.window.notices import NoticeStack
from app.ui.window.status_line import Faults, StatusLine

FRAME_MS = 16
"""About 60 frames a second, and only what changed is painted."""

FRAMES_PER_COUNT = 30
FRAMES_PER_LOG = 10
SMALLEST_SIZE = QSize(1024, 640)
SIDE_WIDTH = 316.0
STATUS_UNITS = 46


ROOM = 0.9
"""Share of the screen a new window may take."""

GROWTH = 0.8
"""Share of that room it takes where there is more of it than the layout needs."""


def first_size(screen: QSize) -> QSize:
    """Return the size of a window nobody has sized yet, on a screen of `screen` logical pixels."""
    scale = ROOM * min(screen.width() / BASE_SIZE.width(), screen.height() / BASE_SIZE.height())
    if scale > 1:
        scale = max(1.0, scale * GROWTH)
    return (BASE_SIZE * scale).expandedTo(SMALLEST_SIZE)


class OutputLevel(Protocol):
    """What the window shows of the mixer's meter; linear peaks since the last call."""

    @property
    def peak_left(self) -> float:
        """Left."""
        ...

    @property
    def peak_right(self) -> float:
        """Right."""
        ...

    @property
    def rms_left(self) -> float:
        """How loud the left is: root mean square since the last call."""
        ...

    @property
    def rms_right(self) -> float:
        """Right."""
        ...

    @property
    def limiting(self) -> bool:
        """The limiter worked since the last call."""
        ...


class Sound(Protocol):
    """What the window asks of the mixer, at every frame."""

    def meter(self) -> OutputLevel:
        """Return the output's peaks since the last call."""
        ...

    def playing(self, pad: int) -> float | None:
        """Return where the pad's newest voice is, in seconds, or None."""
        ...

    def counts(self) -> Faults:
        """Return the faults counted so far."""
        ...


class Input(Protocol):
    """What the window asks of the recorder, at every frame."""

    @property
    def level(self) -> float:
        """Linear peak since the last call."""
        ...


@dataclass(frozen=True, slots=True)
class Monitors:
    """What is measured rather than told."""

    sound: Sound
    input: Input


class MainWindow(QMainWindow):
    """The instrument."""

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
        self.theme.keep(lambda: self.notices.keep_above(self.theme.px(STATUS_UNITS)))
        self._connect()
        self._teach_midi()
        self._take_keys()
        self._dress()
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
        theme.fit(column, 12, (16, 12, 16, 10))
        column.addWidget(self.kit_bar)
        column.addWidget(self.prompt_panel)
        middle = QHBoxLayout()
        theme.fit(middle, 12)
        middle.addWidget(self.pads, 1)
        side = QVBoxLayout()
        theme.fit(side, 12)
        side.addWidget(self.record_panel)
        side.addWidget(self.pad_panel, 1)
        middle.addLayout(side)
        for panel in (self.record_panel, self.pad_panel):
            theme.fix(panel, width=SIDE_WIDTH)
        column.addLayout(middle, 1)
        column.addWidget(self.status_line)

    def _dress(self) -> None:
        self.setWindowTitle("Pingpad")
        self.setWindowIcon(QIcon(str(APP_ICON)))
        self.setMinimumSize(SMALLEST_SIZE)
        self.resize(first_size(self.screen().availableSize()))
        self.theme.keep(lambda: self.setStyleSheet(self.theme.sheet()))

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
            ("Ctrl+Shift+R", self._actions.perform.toggle),
            ("Ctrl+Q", self.close),
        )
        for keys, do in shortcuts:
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setAutoRepeat(False)
            shortcut.activated.connect(do)

    def _teach_midi(self) -> None:
        menu, prompt, pad = self.midi_learn_menu, self.prompt_panel, self.pad_panel
        controls: tuple[tuple[QWidget, str], ...] = (
            (prompt.generate, "generate"),
            (prompt.again, "again"),
            (prompt.vary, "vary"),
            (prompt.length, "length"),
            (prompt.tempo, "tempo"),
            (prompt.tap, "tap"),
            (prompt.strength, "strength"),
            (prompt.steps, "steps"),
            (prompt.keep_seed, "keep_seed"),
            (pad.lock, "lock"),
            (pad.mode, "play_mode"),
            (pad.gain, "pad_level"),
            (pad.choke, "choke_group"),
            (pad.shape.reverse, "reverse"),
            (pad.shape.loop, "loop_bars"),
            (pad.tone.layers, "layers"),
            (pad.takes.undo, "previous_take"),
            (pad.takes.redo, "next_take"),
            (self.record_panel.button, "record"),
            (self.record_panel.latch, "record_toggle"),
            (self.record_panel.hear, "play_back"),
            (self.kit_bar.full_level, "full_level"),
            (self.kit_bar.silence, "stop"),
            (self.kit_bar.open_button, "kit"),
            (self.kit_bar.perform, "perform"),
            (self.kit_bar.master, "master_gain"),
            (self.kit_bar.beat.metronome, "metronome"),
            (self.kit_bar.beat.start, "beat_1"),
            (self.kit_bar.beat.swap, "swap_at"),
            (self.kit_bar.beat.repeat, "note_repeat"),
            (self.kit_bar.beat.notes, "sixteen_notes"),
            *((slider, name) for name, slider in self._parameter_sliders()),
        )
        for widget, name in controls:
            menu.add(widget, name)

    def _parameter_sliders(self) -> Iterator[tuple[str, QWidget]]:
        """Return the sliders of the pad's sound, by the names of their targets."""
        for page in (self.pad_panel.shape, self.pad_panel.tone):
            for field, slider in page.sliders.items():
                yield PAD_NUMBERS[field].target, slider

    def _take_keys(self) -> None:
        record = self._actions.record
        self._repeats = KeyRepeats(self)
        self.keys = PadKeys(self._session, self._actions.hits, self, keyboard_letters())
        self.keys.record_pressed.connect(record.press)
        self.keys.record_released.connect(record.release)
        self.keys.record_toggled.connect(record.toggle)
        self.keys.tempo_tapped.connect(self._actions.tempo.tap)
        self.keys.prompt_wanted.connect(self.focus_prompt)

    # --- living ---

    def focus_prompt(self) -> None:
        """Let the player type."""
        self.prompt_panel.prompt.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.prompt_panel.prompt.selectAll()

    def show_frame(self) -> None:
        """Show what the mixer and the recorder measured since the last frame."""
        now = self._now()
        elapsed, self._shown_at = now - self._shown_at, now
        sound, recorder = self._monitors.sound, self._monitors.input
        level = sound.meter()
        self.kit_bar.meter.show_levels(
            (level.peak_left, level.peak_right),
            elapsed,
            rms=(level.rms_left, level.rms_right),
            limiting=level.limiting,
        )
        self.pads.show_playing(sound.playing, now)
        self.record_panel.show_input(recorder.level, elapsed)
        self.kit_bar.show_performing()
        self.status_line.show_midi(now)
        self._frames += 1
        if self._frames % FRAMES_PER_COUNT == 0:
            self.status_line.show_faults(sound.counts())
        if self._frames % FRAMES_PER_LOG == 0 and self.status_line.midi_window is not None:
            self.status_line.midi_window.show_events()

    def showEvent(self, event: QShowEvent) -> None:
        """Begin to move, and let the player type at once."""
        super().showEvent(event)
        application = QApplication.instance()
        assert application is not None
        application.installEventFilter(self.keys)
        if platform_splits_repeats():
            application.installEventFilter(self._repeats)  # the last one sees the keys first
        self._timer.start()
        if self.focusWidget() is None:
            self.focus_prompt()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the layout's proportions on a larger screen."""
        super().resizeEvent(event)
        self.theme.follow(event.size())

    def closeEvent(self, event: QCloseEvent) -> None:
        """Let go of everything held and stop moving."""
        self._timer.stop()
        self.keys.let_go()
        application = QApplication.instance()
        if application is not None:
            application.removeEventFilter(self._repeats)
            application.removeEventFilter(self.keys)
        super().closeEvent(event)
