"""The menu of the status line's sound field: devices, block, rate, timing. Main thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QMenu, QWidget

from app.actions.setup.choose_device import ChooseDevice
from app.audio.devices.sound_system import Channels
from app.model.panel import BLOCKS, RATES
from app.model.parameter_kinds import Choice
from app.model.session import Session
from app.ui.widgets.controls import add_choices

AUTOMATIC = "Automatic"
NO_PRIORITY = "No real-time priority: this system did not grant it"

Value = TypeVar("Value")


class DeviceMenu:
    """Builds the menu from the devices of the last scan."""

    def __init__(
        self,
        session: Session,
        devices: ChooseDevice,
        measure: Callable[[], object],
        parent: QWidget,
    ) -> None:
        """`measure` opens the loopback wizard."""
        self._session = session
        self._devices = devices
        self._measure = measure
        self._parent = parent

    def build(self) -> QMenu:
        """Build the menu for the current state."""
        session, audio = self._session, self._session.audio
        menu = QMenu(self._parent)
        outputs = audio.outputs if audio is not None else ()
        inputs = audio.inputs if audio is not None else ()
        self._add(menu, "Output", outputs, session.output, self._devices.choose_output)
        menu.addSeparator()
        self._add(menu, "Input", inputs, session.input, self._devices.choose_input)
        menu.addSeparator()
        self._add_channels(menu)
        self._add_stream(menu)
        self._add_timing(menu)
        menu.addAction("Measure the round trip…", self._measure)
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
        # Several host APIs may list the same device; Qt takes an ampersand for a mnemonic.
        choices: list[Choice[str | None]] = [Choice(None, AUTOMATIC)]
        choices += [Choice(name, name.replace("&", "&&")) for name in dict.fromkeys(found)]
        _add_group(menu, choices, chosen, choose)

    def _add_channels(self, menu: QMenu) -> None:
        """Offer each input channel and each pair of them, where there is a choice."""
        audio, session = self._session.audio, self._session
        count = audio.input_channels if audio is not None else 0
        if count < 2 and not session.input_channels:
            return
        offered = [str(Channels(first, 1)) for first in range(1, count + 1)]
        offered += [str(Channels(first, 2)) for first in range(1, count, 2)]
        choices = [Choice("", AUTOMATIC), *(Choice(name, name) for name in offered)]
        _add_group(
            menu.addMenu("Record channel"),
            choices,
            session.input_channels,
            self._devices.choose_channels,
        )

    def _add_stream(self, menu: QMenu) -> None:
        """Offer block, rate and, where there is one, exclusive mode."""
        session, devices, audio = self._session, self._devices, self._session.audio
        blocks = [Choice(n, f"{n} frames" if n else AUTOMATIC) for n in BLOCKS]
        _add_group(menu.addMenu("Block"), blocks, session.block_frames, devices.choose_block)
        rates = [Choice(hz, f"{hz / 1000:g} kHz" if hz else AUTOMATIC) for hz in RATES]
        _add_group(menu.addMenu("Rate"), rates, session.rate, devices.choose_rate)
        if audio is not None and audio.exclusive:
            alone = menu.addAction("For Pingpad alone (shorter delay)")
            alone.setCheckable(True)
            alone.setChecked(session.exclusive)
            alone.triggered.connect(devices.choose_exclusive)
        if audio is not None and not audio.realtime:
            menu.addAction(NO_PRIORITY).setEnabled(False)
        menu.addSeparator()

    def _add_timing(self, menu: QMenu) -> None:
        """Offer lower latency at the cost of even timing."""
        action = menu.addAction("Play hits at once (less delay, less even)")
        action.setCheckable(True)
        action.setChecked(self._session.play_at_once)
        action.triggered.connect(lambda on: setattr(self._session, "play_at_once", on))

    def show_above(self, widget: QWidget) -> None:
        """Show the menu above a widget."""
        menu = self.build()
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(widget.mapToGlobal(QPoint(0, -menu.sizeHint().height())))


def _add_group(
    menu: QMenu, choices: Sequence[Choice[Value]], chosen: Value, choose: Callable[[Value], object]
) -> None:
    """Add an exclusive group; a chosen value that is no longer offered stays visible."""
    if chosen not in [choice.value for choice in choices]:
        text = str(chosen).replace("&", "&&")
        choices = [*choices, Choice(chosen, f"{text} (not there)")]
    add_choices(menu, choices, chosen, choose)
