"""MidiSetup: the player's MIDI choices, maps and learnt controls. Main thread only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from app.midi.lights import AUTOMATIC
from app.midi.messages import controller_map, pad_map
from app.midi.messages.controller_map import LEARNT, Binding, ControllerMap, format_learnt_map
from app.midi.messages.mapping import MidiMapping
from app.midi.messages.pad_map import (
    DEFAULT_MAP,
    PadMap,
    PadMaps,
    format_pad_map,
    make_chromatic_map,
)
from app.midi.messages.targets import Target
from app.midi.router import PadRouter
from app.model.event import Event
from app.model.session import Session
from app.threads.file_writer import WritesFiles
from engine.files.atomic import write_text

MY_PADS = "my-pads"
"""File name of the note map that PadLearner writes."""


@dataclass(frozen=True, slots=True)
class MidiChoices:
    """The MIDI choices that are saved in the settings."""

    channel: int = 0
    """1..16; 0 listens to all."""
    pad_map: str = DEFAULT_MAP
    lights: str = AUTOMATIC
    """AUTOMATIC, OFF, or the name of a port whose pads light up by velocity."""
    clock_from: str = ""
    """The port whose clock is followed, without ALSA's number; "" for none."""
    clock_to: str = ""
    """The port to send clock to, without ALSA's number; "" for none."""


class MidiSetup:
    """Applies every change from the next message on."""

    def __init__(
        self, session: Session, router: PadRouter, config: Path, writer: WritesFiles
    ) -> None:
        """The player's own maps are in `controllers` and `pad_maps` of the folder `config`."""
        self._session = session
        self._router = router
        self._controllers = config / "controllers"
        self._pad_maps = config / "pad_maps"
        self._writer = writer
        self.changed: Event[()] = Event()
        """Emitted when choices, maps or outputs change."""
        self.choices = MidiChoices()
        self.pad_maps = PadMaps({DEFAULT_MAP: make_chromatic_map()})
        self.maps: tuple[ControllerMap, ...] = ()
        self.learnt: tuple[Binding, ...] = ()
        """Learnt controls; they override every map."""
        self.outputs: tuple[str, ...] = ()
        """Names of the present MIDI outputs."""
        self._learnt_unreadable = False

    @property
    def folder(self) -> Path:
        """The folder of the player's own controller maps."""
        return self._controllers

    @property
    def pad_map(self) -> PadMap:
        """The note map in use."""
        return self.pad_maps.maps.get(self.choices.pad_map, self.pad_maps.maps[DEFAULT_MAP])

    # --- choices and maps ---

    def choose(self, choices: MidiChoices) -> None:
        """Apply these choices; an invalid channel or a missing map becomes the default."""
        channel = choices.channel if 0 <= choices.channel <= 16 else 0
        known = choices.pad_map in self.pad_maps.maps
        self.choices = replace(
            choices, channel=channel, pad_map=choices.pad_map if known else DEFAULT_MAP
        )
        self._apply()

    def set_outputs(self, names: tuple[str, ...]) -> None:
        """Set the outputs that can be chosen for lights and clock."""
        self.outputs = names
        self.changed.emit()

    def read_maps(self) -> None:
        """Read all maps again; notify the player of files that cannot be read."""
        self.pad_maps = pad_map.read_pad_maps(pad_map.PRESETS, self._pad_maps)
        read = controller_map.read_controller_maps(self._controllers)
        self.maps, self.learnt = read.maps, read.learnt
        self._learnt_unreadable = read.learnt_unreadable
        for error in (*self.pad_maps.errors, *read.errors):
            self._session.notify(f"A MIDI map could not be used. {error}", "warning")
        self._apply()

    def make_folder(self) -> Path | None:
        """Return the folder of the player's own maps, creating it; None where that fails."""
        try:
            self._controllers.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self._session.notify(f"The folder could not be created: {error.strerror}.", "error")
            return None
        return self._controllers

    # --- learning ---

    def add_learnt(self, binding: Binding) -> None:
        """Add a binding; it replaces bindings of the same control and of the same target."""
        others = [
            other
            for other in self.learnt
            if (other.source, other.port) != (binding.source, binding.port)
            and (other.target, other.pad, other.kit) != (binding.target, binding.pad, binding.kit)
        ]
        self._set_learnt((*others, binding))

    def forget(self, target: Target, kit: str = "") -> None:
        """Forget the learnt controls of a target, or of one kit."""
        self._set_learnt(
            tuple(own for own in self.learnt if (own.target, own.kit) != (target, kit))
        )

    def use_pad_map(self, found: PadMap, name: str | None = None) -> None:
        """Use a note map: a known one by its name, any other as the player's own."""
        if name is None:
            name = MY_PADS
            maps = {**self.pad_maps.maps, MY_PADS: found}
            self.pad_maps = replace(self.pad_maps, maps=maps)
            self._write(self._pad_maps / f"{MY_PADS}.toml", format_pad_map(found))
        self.choose(replace(self.choices, pad_map=name))

    def list_sources(self, target: Target, kit: str = "") -> tuple[str, ...]:
        """Describe the controls of a target, or of one kit; learnt ones first."""
        return tuple(
            dict.fromkeys(
                binding.source.describe()
                for binding in (*self.learnt, *self._list_map_bindings())
                if (binding.target, binding.kit) == (target, kit)
            )
        )

    def list_kits(self) -> tuple[str, ...]:
        """Return the folders of all kits that a control opens; learnt ones first."""
        found = (binding.kit for binding in (*self.learnt, *self._list_map_bindings()))
        return tuple(dict.fromkeys(kit for kit in found if kit))

    def _list_map_bindings(self) -> list[Binding]:
        midi = self._session.midi
        ports = midi.ports if midi is not None else ()
        present = [each for each in self.maps if not each.ports or any(map(each.matches, ports))]
        return [binding for controller in present for binding in controller.to_bindings()]

    def _set_learnt(self, bindings: tuple[Binding, ...]) -> None:
        self.learnt = bindings
        path = self._controllers / f"{LEARNT}.toml"
        if self._learnt_unreadable:
            # The player may have written most of the file by hand.
            self._learnt_unreadable = False
            self._writer.write(lambda: _quarantine(path), self._report)
        self._write(path, format_learnt_map(bindings))
        self._apply()

    def _apply(self) -> None:
        channel = self.choices.channel - 1 if self.choices.channel else None
        self._router.set_mapping(MidiMapping(channel, self.pad_map, self.learnt, self.maps))
        self.changed.emit()

    def _write(self, path: Path, text: str) -> None:
        self._writer.write(lambda: write_text(path, text, sync=True), self._report)

    def _report(self, failure: str | None) -> None:
        if failure is not None:
            self._session.notify(f"The learnt controls could not be saved: {failure}", "warning")


def _quarantine(path: Path) -> None:
    if path.exists():
        path.replace(path.with_name(f"{path.name}.damaged"))
