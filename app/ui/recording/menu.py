"""The menu beside Record: source, start, length and count-in. Main thread."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QPoint, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QMenu, QWidget

from app.actions.recording.master_recording import MasterRecording
from app.model.panel import RecordFrom
from app.model.parameter_kinds import Choice
from app.model.parameters import RECORD_LENGTH, RECORD_START
from app.model.session import Session
from app.ui.widgets.controls import add_choices

RECORD_SOURCES: tuple[Choice[RecordFrom], ...] = (
    Choice("input", "Record the input"),
    Choice("played", "Resample what is played"),
)
THRESHOLDS_DB = (-48.0, -42.0, -36.0, -30.0, -24.0, -18.0, -12.0)


class RecordMenu:
    """Shows and changes the session's recording settings."""

    def __init__(self, session: Session, perform: MasterRecording, parent: QWidget) -> None:
        self._session = session
        self._perform = perform
        self._parent = parent

    def build(self) -> QMenu:
        """Build the menu for the current state."""
        session, menu = self._session, QMenu(self._parent)
        self._add_choices(menu, RECORD_SOURCES, "record_from")
        menu.addSeparator()
        add_choices(
            menu,
            RECORD_START.choices,
            session.record_start,
            partial(setattr, session, "record_start"),
        )
        self._add_threshold(menu)
        menu.addSeparator()
        add_choices(
            menu,
            RECORD_LENGTH.choices,
            session.record_bars,
            partial(setattr, session, "record_bars"),
        )
        menu.addSeparator()
        count_in = menu.addAction("Count in four beats")
        count_in.setCheckable(True)
        count_in.setChecked(session.count_in)
        count_in.triggered.connect(lambda on: setattr(session, "count_in", on))
        menu.addSeparator()
        ended = (
            "End the recording to a file" if session.master_recording else "Record all to a file"
        )
        menu.addAction(f"{ended}\tCtrl+Shift+R", self._perform.toggle)
        folder = menu.addAction("Show recorded files", self._show_folder)
        folder.setEnabled(self._perform.folder.is_dir())
        return menu

    def _add_choices(self, menu: QMenu, choices: Iterable[Choice[object]], field: str) -> None:
        session = self._session
        add_choices(menu, choices, getattr(session, field), partial(setattr, session, field))

    def _add_threshold(self, menu: QMenu) -> None:
        session = self._session
        louder = menu.addMenu("A sound is louder than")
        choices = [
            Choice(level, f"{level:g} dB".replace("-", "\N{MINUS SIGN}")) for level in THRESHOLDS_DB
        ]
        chosen = session.record_threshold_db
        add_choices(louder, choices, chosen, partial(setattr, session, "record_threshold_db"))

    def _show_folder(self) -> None:
        open_folder(self._perform.folder)

    def show_below(self, widget: QWidget) -> None:
        """Show the menu below a widget."""
        menu = self.build()
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(widget.mapToGlobal(QPoint(0, widget.height())))


def format_settings(session: Session) -> str:
    """Format the settings that differ from the defaults; "" if none does."""
    played = "what is played" if session.record_from == "played" else ""
    start = RECORD_START.choices[RECORD_START.index(session.record_start)].tip
    length = RECORD_LENGTH.choices[RECORD_LENGTH.index(session.record_bars)].tip
    count_in = "count-in" if session.count_in and session.record_start != "sound" else ""
    words = " · ".join(word for word in (played, start, length, count_in) if word)
    return words[:1].upper() + words[1:]


def open_folder(folder: Path) -> None:
    """Show a folder in the desktop's file manager."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
