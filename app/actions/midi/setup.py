"""MidiSetup: what the player chose for MIDI, and the maps there are. Main thread only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

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
from app.model.event import Event
from app.model.session import Session
from app.threads.file_writer import WritesFiles
from engine.files.atomic import write_text

MY_PADS = "my-pads"
"""Name of the player's own note map, which finding the pads writes."""


@dataclass(frozen=True, slots=True)
class MidiChoices:
    """What is remembered between two starts."""

    channel: int = 0
    """1..16; 0 listens to all."""
    pad_map: str = DEFAULT_MAP
    lights: str = AUTOMATIC
    """AUTOMATIC, OFF, or the name of a port whose pads show a velocity."""
    clock_from: str = ""
    """Name of the port whose clock is followed (`strip_alsa_number`); "" follows none."""
    clock_to: str = ""
    """Name of the port that is sent a clock (`strip_alsa_number`); "" sends none."""


class UsesRules(Protocol):
    """What choosing needs of app.midi.router.PadRouter."""

    def set_mapping(self, mapping: MidiMapping) -> None:
        """Work by other rules."""
        ...


class MidiSetup:
    """Each choice counts from the next message on."""

    def __init__(
        self, session: Session, router: UsesRules, config: Path, writer: WritesFiles
    ) -> None:
        """`config` is the folder of the player's own maps: `controllers` and `pad_maps` in it."""
        self._session = session
        self._router = router
        self._controllers = config / "controllers"
        self._pad_maps = config / "pad_maps"
        self._writer = writer
        self.changed: Event[()] = Event()
        """Another choice or other maps."""
        self.choices = MidiChoices()
        self.pad_maps = PadMaps({DEFAULT_MAP: make_chromatic_map()})
        self.maps: tuple[ControllerMap, ...] = ()
        self.learnt: tuple[Binding, ...] = ()
        """What was learnt; it wins against every map."""
        self.outputs: tuple[str, ...] = ()
        """Names of the MIDI outputs that are there."""
        self._learnt_unreadable = False

    @property
    def folder(self) -> Path:
        """Where the player's own controller maps lie."""
        return self._controllers

    @property
    def pad_map(self) -> PadMap:
        """The note map that counts."""
        return self.pad_maps.maps.get(self.choices.pad_map, self.pad_maps.maps[DEFAULT_MAP])

    # --- choosing ---

    def choose(self, choices: MidiChoices) -> None:
        """Take these choices; a channel that is none, or a map that is gone, is the default."""
        channel = choices.channel if 0 <= choices.channel <= 16 else 0
        known = choices.pad_map in self.pad_maps.maps
        self.choices = replace(
            choices, channel=channel, pad_map=choices.pad_map if known else DEFAULT_MAP
        )
        self._use()

    def set_outputs(self, names: tuple[str, ...]) -> None:
        """Offer these outputs."""
        self.outputs = names
        self.changed.emit()

    def read_maps(self) -> None:
        """Read all maps anew; the player is told of each file that is none."""
        self.pad_maps = pad_map.read_pad_maps(pad_map.PRESETS, self._pad_maps)
        read = controller_map.read_controller_maps(self._controllers)
        self.maps, self.learnt = read.maps, read.learnt
        self._learnt_unreadable = read.learnt_unreadable
        for error in (*self.pad_maps.errors, *read.errors):
            self._session.notify(f"A MIDI map was left out. {error}", "warning")
        self._use()

    def make_folder(self) -> Path | None:
        """Return the folder of the player's own maps, made if need be; None when it cannot be."""
        try:
            self._controllers.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self._session.notify(f"The folder could not be made: {error.strerror}.", "error")
            return None
        return self._controllers

    # --- what was learnt ---

    def add_learnt(self, binding: Binding) -> None:
        """Let a control do this; what it did before, and what did this before, is forgotten."""
        kept = [
            other
            for other in self.learnt
            if (other.source, other.port) != (binding.source, binding.port)
            and (other.target, other.pad, other.kit) != (binding.target, binding.pad, binding.kit)
        ]
        self._set_learnt((*kept, binding))

    def forget(self, target: Target, kit: str = "") -> None:
        """Forget what was learnt for a target, or for one kit."""
        self._set_learnt(
            tuple(one for one in self.learnt if (one.target, one.kit) != (target, kit))
        )

    def use_pads(self, found: PadMap, name: str | None = None) -> None:
        """Let these notes play the pads: a known map by its name, any other as the player's own."""
        if name is None:
            name = MY_PADS
            maps = {**self.pad_maps.maps, MY_PADS: found}
            self.pad_maps = replace(self.pad_maps, maps=maps)
            self._write(self._pad_maps / f"{MY_PADS}.toml", format_pad_map(found))
        self.choose(replace(self.choices, pad_map=name))

    def sources(self, target: Target, kit: str = "") -> tuple[str, ...]:
        """Return what does this, or opens this kit, in a player's words; learnt ones first."""
        return tuple(
            dict.fromkeys(
                binding.source.describe()
                for binding in (*self.learnt, *self._from_maps())
                if (binding.target, binding.kit) == (target, kit)
            )
        )

    def kits(self) -> tuple[str, ...]:
        """Return the folders of all kits that something opens; learnt ones first."""
        found = (binding.kit for binding in (*self.learnt, *self._from_maps()))
        return tuple(dict.fromkeys(kit for kit in found if kit))

    def _from_maps(self) -> list[Binding]:
        midi = self._session.midi
        ports = midi.ports if midi is not None else ()
        here = [one for one in self.maps if not one.ports or any(map(one.matches, ports))]
        return [binding for one in here for binding in one.to_bindings()]

    def _set_learnt(self, bindings: tuple[Binding, ...]) -> None:
        self.learnt = bindings
        path = self._controllers / f"{LEARNT}.toml"
        if self._learnt_unreadable:
            # A player may have written most of it by hand.
            self._learnt_unreadable = False
            self._writer.write(lambda: _put_aside(path), self._tell)
        self._write(path, format_learnt_map(bindings))
        self._use()

    def _use(self) -> None:
        channel = self.choices.channel - 1 if self.choices.channel else None
        self._router.set_mapping(MidiMapping(channel, self.pad_map, self.learnt, self.maps))
        self.changed.emit()

    def _write(self, path: Path, text: str) -> None:
        self._writer.write(lambda: write_text(path, text, sync=True), self._tell)

    def _tell(self, sentence: str | None) -> None:
        if sentence is not None:
            self._session.notify(f"What was learnt is not on disk: {sentence}", "warning")


def _put_aside(path: Path) -> None:
    if path.exists():
        path.replace(path.with_name(f"{path.name}.damaged"))
