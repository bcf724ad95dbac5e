"""The menu behind the status line's sound field: which output and input to use. Main thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPoint
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMenu, QWidget

from app.actions.choose_device import ChooseDevice
from app.model.session import Session

AUTOMATIC = "Automatic"


class DeviceMenu:
    """Names what was found the last time, marks what was chosen, and looks again."""

    def __init__(self, session: Session, devices: ChooseDevice, parent: QWidget) -> None:
        self._session = session
        self._devices = devices
        self._parent = parent

    def build(self) -> QMenu:
        """Return the menu as things are now."""
        session, audio = self._session, self._session.audio
        menu = QMenu(self._parent)
        outputs = audio.outputs if audio is not None else ()
        inputs = audio.inputs if audio is not None else ()
        self._add(menu, "Output", outputs, session.output, self._devices.choose_output)
        menu.addSeparator()
        self._add(menu, "Input", inputs, session.input, self._devices.choose_input)
        menu.addSeparator()
        self._add_timing(menu)
        menu.addAction("Look for devices again", self._devices.look_again)
        return menu

    def _add(
        self,
        menu: QMenu,
        title: str,
        found: Sequence[str],
        chosen: str | None,
        choose: Callable[[str | None], None],
    ) -> None:
        menu.addAction(title).setEnabled(False)
        group = QActionGroup(menu)
        names = dict.fromkeys([None, *found, chosen])  # several systems may name the same device
        for name in names:
            missing = name is not None and name not in found
            # Qt takes an ampersand for a keyboard mnemonic.
            text = AUTOMATIC if name is None else name.replace("&", "&&")
            action = menu.addAction(f"{text} (not there)" if missing else text)
            action.setCheckable(True)
            action.setChecked(name == chosen)
            action.triggered.connect(lambda _checked, name=name: choose(name))
            group.addAction(action)

    def _add_timing(self, menu: QMenu) -> None:
        """Offer less delay for less evenness."""
        action = menu.addAction("Play hits at once (less delay, less even)")
        action.setCheckable(True)
        action.setChecked(self._session.play_at_once)
        action.triggered.connect(lambda on: setattr(self._session, "play_at_once", on))

    def show_above(self, widget: QWidget) -> None:
        """Show the menu over a widget at the window's lower edge."""
        menu = self.build()
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(widget.mapToGlobal(QPoint(0, -menu.sizeHint().height())))
