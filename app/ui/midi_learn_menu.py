"""A right click on a control teaches it a knob, key or pad of a controller. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QAbstractSpinBox, QMenu, QWidget

from app.actions.midi import Midi
from app.midi.targets import TARGETS
from app.model.session import Session


class MidiLearnMenu:
    """One menu for every control that MIDI reaches."""

    def __init__(self, session: Session, midi: Midi) -> None:
        self._session = session
        self._midi = midi

    def add(self, widget: QWidget, name: str) -> None:
        """Let a right click on this widget teach the target of that name."""
        for one in (widget, *_text_fields(widget)):
            one.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
            one.customContextMenuRequested.connect(
                lambda at, one=one: self._show(one, name, at),
            )

    def build(self, parent: QWidget, name: str) -> QMenu:
        """Return the menu as things are now."""
        target, setup = TARGETS[name], self._midi.setup
        menu = QMenu(parent)
        menu.addAction("Learn a MIDI control", lambda: self._learn(name))
        learnt = [binding for binding in setup.learnt if binding.target == target]
        forget = menu.addAction("Forget the MIDI control", lambda: setup.forget(target))
        forget.setEnabled(bool(learnt))
        sources = setup.sources(target)
        if sources:
            menu.addSeparator()
            menu.addAction("Now: " + ", ".join(sources[:4])).setEnabled(False)
        return menu

    def _learn(self, name: str) -> None:
        self._midi.start_learning(name)
        self._session.say(f'Touch the control that is to do "{TARGETS[name].title}".')

    def _show(self, widget: QWidget, name: str, at: QPoint) -> None:
        menu = self.build(widget, name)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(widget.mapToGlobal(at))


def _text_fields(widget: QWidget) -> tuple[QWidget, ...]:
    """Return a number field's own text field, which has the right click in it."""
    return (widget.lineEdit(),) if isinstance(widget, QAbstractSpinBox) else ()
