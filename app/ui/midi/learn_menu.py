"""MidiLearnMenu: the context menu of every control that MIDI can learn. Main thread."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QAbstractSpinBox, QMenu, QWidget

from app.actions.files.kit_file import KitFile
from app.actions.midi.build import MidiActions
from app.midi.messages.targets import TARGETS
from app.model.session import Session

LEARN = "Learn a MIDI control"


class MidiLearnMenu:
    """Builds the menu and starts learning."""

    def __init__(self, session: Session, midi: MidiActions, kit_file: KitFile) -> None:
        self._session = session
        self._midi = midi
        self._kit_file = kit_file

    def add(self, widget: QWidget, name: str) -> None:
        """Give a widget the menu for the target of that name."""
        for target in (widget, *_find_text_fields(widget)):
            target.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
            target.customContextMenuRequested.connect(
                lambda at, target=target: self._show(target, name, at),
            )

    def build(self, parent: QWidget, name: str) -> QMenu:
        """Build the menu for the current state."""
        target, setup, kit = TARGETS[name], self._midi.setup, self._find_kit(name)
        menu = QMenu(parent)
        text = f"Learn a MIDI control that opens {Path(kit).stem}" if kit else LEARN
        learn = menu.addAction(text, lambda: self._learn(name, kit))
        # Only a saved kit can be opened again.
        learn.setEnabled(name != "kit" or bool(kit))
        is_learnt = any((own.target, own.kit) == (target, kit) for own in setup.learnt)
        forget = menu.addAction("Forget the MIDI control", lambda: setup.forget(target, kit))
        forget.setEnabled(is_learnt)
        sources = setup.list_sources(target, kit)
        if sources:
            menu.addSeparator()
            menu.addAction("Now: " + ", ".join(sources[:4])).setEnabled(False)
        return menu

    def _find_kit(self, name: str) -> str:
        """Return the folder of the kit on the pads, for the target that opens it."""
        folder = self._kit_file.folder if name == "kit" else None
        return str(folder) if folder is not None else ""

    def _learn(self, name: str, kit: str) -> None:
        self._midi.learn_control(name, kit)
        self._session.notify(f'Touch the control for "{TARGETS[name].title}".')

    def _show(self, widget: QWidget, name: str, at: QPoint) -> None:
        menu = self.build(widget, name)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(widget.mapToGlobal(at))


def _find_text_fields(widget: QWidget) -> tuple[QWidget, ...]:
    """Return the text field of a spin box, which receives its right clicks."""
    return (widget.lineEdit(),) if isinstance(widget, QAbstractSpinBox) else ()
