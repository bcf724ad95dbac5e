"""The sixteen pads: a 4x4 grid with pad 1 at the bottom left. Main thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QDrag, QKeyEvent, QPixmap
from PySide6.QtWidgets import QGridLayout, QWidget

from app.actions.actions import Actions
from app.model.kit import PADS, Pad
from app.model.peaks import peaks
from app.model.session import Session
from app.ui.pads.button import PadButton
from app.ui.pads.face import PadFace
from app.ui.pads.keys import read_keyboard_letters
from app.ui.pads.menu import PadMenu, make_mime_data
from app.ui.widgets.theme import Theme

COLUMNS = 4
PEAK_COLUMNS = 1024
"""Columns of a cached waveform: enough for the widest pad on a 4K screen."""

ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, 1),
    Qt.Key.Key_Down: (0, -1),
}
LIT_S = 0.12
"""A hit lights its pad at least this long, and a message the MIDI field."""


class PadGrid(QWidget):
    """Shows the kit; a single Tab stop, in which the arrow keys move the selection."""

    def __init__(self, session: Session, actions: Actions, menu: PadMenu, theme: Theme) -> None:
        super().__init__()
        self.setAccessibleName("Pads")
        self._session = session
        self._actions = actions
        self._menu = menu
        self._theme = theme
        self._letters = read_keyboard_letters()
        self._shown_takes: list[str] = [""] * PADS
        self._lit_until = [0.0] * PADS
        self.buttons = tuple(self._make_button(pad) for pad in session.kit.pads)
        self._lay_out()
        session.selection_changed.connect(self._show_selection)
        actions.midi.setup.changed.connect(self._show_notes)
        self._show_selection()

    def _make_button(self, pad: Pad) -> PadButton:
        letter = self._letters[pad.index]
        face = PadFace(pad.index + 1, self._actions.midi.setup.pad_map.notes[pad.index], letter)
        button = PadButton(face, self._theme, self)
        hits, index = self._actions.pad_trigger, pad.index
        button.pressed.connect(partial(hits.hit, index))
        button.released.connect(partial(hits.release, index))
        button.selected.connect(partial(self._session.select, index))
        button.menu_requested.connect(partial(self._show_menu, index))
        button.file_dropped.connect(partial(self._drop, index))
        button.drag_started.connect(partial(self.drag_out, index))
        pad.changed.connect(partial(self._show_pad, pad))
        return button

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        self._theme.set_spacing(grid, 10)
        for index, button in enumerate(self.buttons):
            row, column = divmod(index, COLUMNS)
            grid.addWidget(button, COLUMNS - 1 - row, column)
        for line in range(COLUMNS):
            grid.setRowStretch(line, 1)
            grid.setColumnStretch(line, 1)
        for pad in self._session.kit.pads:
            self._show_pad(pad)

    def _show_notes(self) -> None:
        for pad in self._session.kit.pads:
            self._show_pad(pad)

    def _show_pad(self, pad: Pad) -> None:
        button, take = self.buttons[pad.index], pad.loaded or pad.takes.current
        face = button.face
        button.show_face(
            PadFace(
                number=face.number,
                note=self._actions.midi.setup.pad_map.notes[pad.index],
                key=face.key,
                name=pad.title,
                state=pad.state,
                progress=pad.progress,
                seconds=take.clip.seconds if take is not None else 0.0,
                kind=take.kind if take is not None else None,
                locked=pad.locked,
                selected=pad.index == self._session.selected,
                sounding=face.sounding,
                drop_target=face.drop_target,
            )
        )
        button.setToolTip(pad.message)
        current = pad.takes.current
        button.take_id = current.id if current is not None else ""
        shown = take.id if take is not None else ""
        if shown != self._shown_takes[pad.index]:
            self._shown_takes[pad.index] = shown
            button.show_peaks(None if take is None else peaks(take.clip, PEAK_COLUMNS))

    def _show_selection(self) -> None:
        chosen = self._session.selected
        for pad, button in zip(self._session.kit.pads, self.buttons, strict=True):
            self._show_pad(pad)
            # The selected pad is the grid's one Tab stop.
            tab = pad.index == chosen
            policy = Qt.FocusPolicy.StrongFocus if tab else Qt.FocusPolicy.ClickFocus
            button.setFocusPolicy(policy)

    def focus_selected(self) -> None:
        """Focus the selected pad, so that the keys play."""
        self.buttons[self._session.selected].setFocus(Qt.FocusReason.OtherFocusReason)

    def show_playing(self, playing: Callable[[int], float | None], now_s: float) -> None:
        """Move playheads and lights; to be called on every frame."""
        for note in self._actions.pad_trigger.recent():
            self._lit_until[note.pad] = now_s + LIT_S
        for index, button in enumerate(self.buttons):
            button.show_position(playing(index), lit=now_s < self._lit_until[index])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the selection with the arrow keys."""
        step = ARROWS.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
            return
        row, column = divmod(self._session.selected, COLUMNS)
        column, row = column + step[0], row + step[1]
        if 0 <= column < COLUMNS and 0 <= row < COLUMNS:
            self._session.select(row * COLUMNS + column)
            self.focus_selected()

    def _show_menu(self, index: int, at: QPoint) -> None:
        self._menu.show(index, at)

    def _drop(self, index: int, path: Path) -> None:
        self._session.select(index)
        self._actions.import_file.drop_file(path, index)

    def drag_out(self, index: int) -> None:
        """Start to drag the pad's file, which has been saved, to another program.

        The result is not checked: programs that accepted the file may still report "ignored".
        """
        button = self.buttons[index]
        path = self._actions.drag_out.file_for_drag(index)
        if path is None:
            return
        drag = QDrag(button)
        drag.setMimeData(make_mime_data(path, button.take_id))
        drag.setPixmap(self._make_drag_picture(button))
        drag.setHotSpot(QPoint(-self._theme.px(10), -self._theme.px(6)))
        drag.exec(Qt.DropAction.CopyAction, Qt.DropAction.CopyAction)

    def _make_drag_picture(self, button: PadButton) -> QPixmap:
        picture = button.grab(QRect(QPoint(0, 0), button.size()))
        return picture.scaledToWidth(
            round(self._theme.px(130) * picture.devicePixelRatio()),
            Qt.TransformationMode.SmoothTransformation,
        )
