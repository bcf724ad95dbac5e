"""The context menu of a pad. Main thread."""

from __future__ import annotations

import shutil
from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, QRunnable, QThreadPool, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from app.actions.actions import Actions
from app.errors import reason
from app.model.session import Session
from app.ui.window.main_thread import MainThread
from engine.files.atomic import replace_file


def make_mime_data(path: Path, take_id: str) -> QMimeData:
    """Return the data of a drag or the clipboard: the file, and its take's id."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    data.setText(take_id)
    return data


class PadMenu:
    """Builds and shows the menu."""

    def __init__(
        self, session: Session, actions: Actions, main_thread: MainThread, parent: QWidget
    ) -> None:
        self._session = session
        self._actions = actions
        self._main_thread = main_thread
        self._parent = parent

    def build(self, pad_index: int) -> QMenu:
        """Build the menu of a pad; actions that need a sound are disabled on an empty one."""
        pad, actions = self._session.kit.pads[pad_index], self._actions
        menu = QMenu(self._parent)
        has_sound = pad.takes.current is not None
        generating = pad.state in ("pending", "generating")
        for text, enabled, run in (
            ("Generate here", not pad.locked, lambda: actions.generate.generate(pad_index)),
            ("Again", has_sound and not pad.locked, lambda: actions.generate.again(pad_index)),
            ("Vary", has_sound and not pad.locked, lambda: actions.generate.vary(pad_index)),
            ("Stop making it", generating, lambda: actions.generate.cancel(pad_index)),
            ("", True, None),
            ("Show in folder", has_sound, lambda: self.show_in_folder(pad_index)),
            ("Copy path", has_sound, lambda: self.copy_path(pad_index)),
            ("Save as…", has_sound, lambda: self.save_as(pad_index)),
            ("", True, None),
            (
                "Unlock" if pad.locked else "Lock",
                True,
                lambda: actions.pad_settings.set_locked(pad_index, not pad.locked),
            ),
        ):
            if run is None:
                menu.addSeparator()
            else:
                menu.addAction(text, run).setEnabled(enabled)
        return menu

    def show(self, pad_index: int, at: QPoint) -> None:
        """Show the menu at a point of the screen."""
        menu = self.build(pad_index)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(at)

    def show_in_folder(self, pad_index: int) -> None:
        """Open the folder that holds the pad's file."""
        path = self._actions.drag_out.file_for_drag(pad_index)
        if path is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.parent)))

    def copy_path(self, pad_index: int) -> None:
        """Put the path of the pad's file on the clipboard."""
        path = self._actions.drag_out.file_for_drag(pad_index)
        if path is not None:
            QGuiApplication.clipboard().setText(str(path))
            self._session.notify(f"Copied the path of {path.name}.")

    def save_as(self, pad_index: int) -> None:
        """Ask for a path and copy the pad's file there."""
        path = self._actions.drag_out.file_for_drag(pad_index)
        if path is None:
            return
        chosen, _ = QFileDialog.getSaveFileName(
            self._parent, "Save the sound as", str(Path.home() / path.name), "WAV (*.wav)"
        )
        if chosen:
            self.save_copy(path, Path(chosen))

    def save_copy(self, path: Path, wanted: Path) -> None:
        """Copy a file on a thread of its own, then notify the player."""
        target = wanted if wanted.suffix else wanted.with_suffix(path.suffix)

        def copy() -> None:
            try:
                with replace_file(target) as temporary:
                    shutil.copyfile(path, temporary)
            except OSError as error:
                sentence = f"{target.name} could not be saved: {reason(error)}."
                self._main_thread.post(lambda: self._session.notify(sentence, "error"))
            else:
                self._main_thread.post(lambda: self._session.notify(f"Saved as {target}."))

        QThreadPool.globalInstance().start(QRunnable.create(copy))
