"""MIDI settings: channel, note map, lights and clock. Main thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QVBoxLayout,
    QWidget,
)

from app.actions.midi.build import MidiActions
from app.actions.midi.setup import MidiChoices
from app.actions.pads.pad_trigger import PadTrigger
from app.midi.lights import AUTOMATIC, OFF
from app.midi.messages.controller_map import strip_alsa_number
from app.midi.messages.message import DRUM_CHANNEL
from app.midi.ports.system import CLIENT_NAME
from app.model.parameter_kinds import Choice
from app.model.session import Session
from app.ui.widgets.controls import make_button, make_caption, on_click
from app.ui.widgets.theme import Theme

FIND = "Press your lowest pad"


class ChoiceBox(QComboBox):
    """A combo box; a chosen value that is no longer offered stays visible."""

    def __init__(self, name: str, choose: Callable[[str], object]) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self._choices: tuple[Choice[str], ...] = ()
        self.activated.connect(lambda place: choose(self._choices[place].value))

    def show_choices(self, choices: Sequence[Choice[str]], chosen: str) -> None:
        """Offer these values and show the chosen one."""
        known = [choice.value for choice in choices]
        if chosen not in known:
            choices = [*choices, Choice(chosen, f"{chosen} (not there)")]
            known.append(chosen)
        if tuple(choices) != self._choices:
            self._choices = tuple(choices)
            self.clear()
            self.addItems([choice.text for choice in choices])
        self.setCurrentIndex(known.index(chosen))


class MidiSetupPanel(QFrame):
    """Shows and changes the choices of MidiSetup."""

    def __init__(self, session: Session, midi: MidiActions, hits: PadTrigger, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("panel")
        self._session = session
        self._midi = midi
        self._theme = theme
        self._make_boxes()
        self.find_button = make_button(FIND, "Find out by itself which notes your pads send", theme)
        self.find_button.setCheckable(True)
        self.find_button.clicked.connect(lambda start: self._find(start, every_pad=False))
        self.every_button = make_button("All sixteen", "Press one pad after the other", theme)
        self.every_button.setCheckable(True)
        self.every_button.clicked.connect(lambda start: self._find(start, every_pad=True))
        self.question = make_caption("", "warning")
        self.clock_text = make_caption("", "soft")
        self.silence_button = make_button("Silence", "End all sounds (Esc)", theme, "stop")
        on_click(self.silence_button, hits.stop_all)
        tip = "Open the folder of your own controller maps"
        self.folder_button = make_button("My maps", tip, theme, "open")
        on_click(self.folder_button, self._open_folder)
        self.read_button = make_button(
            "Read again", "Read all maps again after you edited one", theme
        )
        on_click(self.read_button, midi.setup.read_maps)
        self._lay_out()
        midi.setup.changed.connect(self.show_setup)
        midi.pad_learner.changed.connect(self.show_setup)
        session.devices_changed.connect(self.show_setup)
        self.show_setup()

    def _make_boxes(self) -> None:
        setup = self._midi.setup

        def make_box(name: str, change: Callable[[MidiChoices, str], MidiChoices]) -> ChoiceBox:
            return ChoiceBox(name, lambda text: setup.choose(change(setup.choices, text)))

        self.channel = make_box("Channel", lambda now, text: replace(now, channel=int(text)))
        self.pad_map = make_box("Notes of the pads", lambda now, name: replace(now, pad_map=name))
        self.lights = make_box("Lights", lambda now, name: replace(now, lights=name))
        self.clock_from = make_box(
            "Follow the clock of", lambda now, name: replace(now, clock_from=name)
        )
        self.clock_to = make_box("Send a clock to", lambda now, name: replace(now, clock_to=name))

    def _lay_out(self) -> None:
        theme = self._theme
        column = QVBoxLayout(self)
        theme.set_spacing(column, 10, (14, 12, 14, 12))
        column.addWidget(make_caption("In and out", "title"))
        grid = QGridLayout()
        theme.set_spacing(grid, 8)
        grid.setColumnStretch(1, 1)
        find = QHBoxLayout()
        theme.set_spacing(find, 8)
        find.addWidget(self.find_button, 1)
        find.addWidget(self.every_button)
        rows: tuple[tuple[str, QWidget | QHBoxLayout], ...] = (
            ("Channel", self.channel),
            ("Your pads send", self.pad_map),
            ("", find),
            ("", self.question),
            ("Lights", self.lights),
            ("Follow the clock of", self.clock_from),
            ("", self.clock_text),
            ("Send a clock to", self.clock_to),
        )
        for row, (name, field) in enumerate(rows):
            grid.addWidget(make_caption(name), row, 0)
            if isinstance(field, QHBoxLayout):
                grid.addLayout(field, row, 1)
            else:
                grid.addWidget(field, row, 1)
        column.addLayout(grid)
        column.addStretch(1)
        buttons = QHBoxLayout()
        theme.set_spacing(buttons, 8)
        for button in (self.silence_button, self.folder_button, self.read_button):
            buttons.addWidget(button)
        column.addLayout(buttons)

    # --- actions ---

    def _find(self, start: bool, *, every_pad: bool) -> None:
        if start:
            self._midi.learn_pad_map(every_pad=every_pad)
        else:
            self._midi.pad_learner.cancel()

    def _open_folder(self) -> None:
        folder = self._midi.setup.make_folder()
        if folder is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    # --- showing ---

    def show_setup(self) -> None:
        """Show every setting with its choices."""
        setup, pads = self._midi.setup, self._midi.pad_learner
        choices = setup.choices
        channels = [Choice("0", "All channels")]
        for number in range(1, 17):
            drums = " (drums)" if number == DRUM_CHANNEL + 1 else ""
            channels.append(Choice(str(number), f"Channel {number}{drums}"))
        self.channel.show_choices(channels, str(choices.channel))
        found = sorted(setup.pad_maps.maps.items())
        maps = [Choice(name, pad_map.name) for name, pad_map in found]
        self.pad_map.show_choices(maps, choices.pad_map)
        asking = pads.notes is not None
        self.find_button.setChecked(asking and not pads.every_pad)
        self.every_button.setChecked(asking and pads.every_pad)
        self.question.setText(pads.question)
        self.question.setVisible(asking)
        known = [Choice(AUTOMATIC, "Controllers Pingpad knows"), Choice(OFF, "Off")]
        self.lights.show_choices([*known, *_make_port_choices(setup.outputs)], choices.lights)
        none = Choice("", "None")
        own = Choice(CLIENT_NAME, "Pingpad's own port")
        midi = self._session.midi
        inputs = _make_port_choices(midi.ports if midi is not None else ())
        self.clock_from.show_choices([none, own, *inputs], choices.clock_from)
        self.clock_to.show_choices([none, *_make_port_choices(setup.outputs)], choices.clock_to)
        self.show_clock()

    def show_clock(self) -> None:
        """Show the state of the followed clock; to be called a few times a second."""
        text = self._midi.clock.text
        if text != self.clock_text.text():
            self.clock_text.setText(text)
        self.clock_text.setVisible(bool(text))


def _make_port_choices(names: Sequence[str]) -> list[Choice[str]]:
    """Return choices of ports, by the names that survive a restart."""
    return [Choice(name, name) for name in dict.fromkeys(map(strip_alsa_number, names))]
