"""MidiLog: a table of the last MIDI events with their outcomes, newest first. Main thread."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from app.midi.router import LoggedEvent, PadRouter
from app.ui.format import format_message
from app.ui.widgets.theme import Theme

MOST_ROWS = 60
COLUMNS = ("Time", "Message", "From", "What it did")


class MidiLog(QTableWidget):
    """Shows the router's last events."""

    def __init__(self, router: PadRouter, theme: Theme) -> None:
        super().__init__(0, len(COLUMNS))
        self._router = router
        self._shown: tuple[int, str] | None = None
        self.setAccessibleName("Last MIDI events")
        self.setHorizontalHeaderLabels(COLUMNS)
        self.verticalHeader().hide()
        self.setShowGrid(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        header = self.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        header.setHighlightSections(False)
        for column, mode in enumerate(
            (
                QHeaderView.ResizeMode.ResizeToContents,
                QHeaderView.ResizeMode.ResizeToContents,
                QHeaderView.ResizeMode.Stretch,
                QHeaderView.ResizeMode.Stretch,
            )
        ):
            header.setSectionResizeMode(column, mode)
        theme.on_scale(lambda: self.verticalHeader().setDefaultSectionSize(theme.px(23)))

    def show_events(self) -> None:
        """Update the table if there are new events or outcomes."""
        events = self._router.recent_events()
        now = (self._router.event_count, events[-1].outcome if events else "")
        if now == self._shown:
            return
        self._shown = now
        newest = events[: -MOST_ROWS - 1 : -1]
        self.setRowCount(len(newest))
        wall_s = time.time() - time.perf_counter()
        for row, event in enumerate(newest):
            for column, text in enumerate(_format_row(event, wall_s)):
                item = self.item(row, column)
                if item is None:
                    self.setItem(row, column, QTableWidgetItem(text))
                elif item.text() != text:
                    item.setText(text)

    def read_row(self, row: int) -> tuple[str, ...]:
        """Return the texts of a row, without its time."""
        items = (self.item(row, column) for column in range(1, len(COLUMNS)))
        return tuple(item.text() for item in items if item is not None)


def _format_row(event: LoggedEvent, wall_s: float) -> tuple[str, str, str, str]:
    seconds = wall_s + event.time_s
    clock = time.strftime("%H:%M:%S", time.localtime(seconds))
    return (
        f"{clock}.{int(seconds % 1 * 1000):03d}",
        format_message(event.data),
        event.port,
        event.outcome,
    )
