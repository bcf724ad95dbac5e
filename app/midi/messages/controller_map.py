"""Controller maps: TOML files that bind a controller's keys, knobs and lights. Any thread.

Presets are in presets/controllers, the player's own in the folder `controllers` of the config
folder; presets/controllers/README.md describes the format.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from app.midi.messages.message import CHANNEL_PRESSURE, CONTROL_CHANGE, NOTE_ON, PROGRAM_CHANGE
from app.midi.messages.pad_map import check_notes
from app.midi.messages.targets import TARGETS, Target
from app.model.kit import PADS
from engine.files import paths
from engine.files.strict import ConfigError, from_table
from engine.files.toml import as_toml, read_toml

PRESETS = paths.PRESETS / "controllers"
LEARNT = "learnt"
"""Name of the file that learning writes."""
RESERVED = (120, 121, 123)
"""Controllers of panic and reset, which no map can bind."""
_ALSA_NUMBER = re.compile(r" \d+:\d+$")


@dataclass(frozen=True, slots=True)
class Source:
    """A controller's message: its kind and number, on one channel or any."""

    kind: int
    """NOTE_ON, CONTROL_CHANGE, PROGRAM_CHANGE or CHANNEL_PRESSURE."""
    number: int = 0
    """0..127; always 0 for aftertouch."""
    channel: int | None = None
    """0..15; None is any."""
    bank: int | None = None
    """0..16383, of a program: 128 times the last CC 0, plus the last CC 32; None is any."""

    def describe(self) -> str:
        """Describe it for the player: "CC 7, channel 1"."""
        words = {NOTE_ON: "note {}", CONTROL_CHANGE: "CC {}", PROGRAM_CHANGE: "program {}"}
        text = words.get(self.kind, "aftertouch").format(self.number)
        if self.bank is not None:
            text += f", bank {self.bank}"
        return text if self.channel is None else f"{text}, channel {self.channel + 1}"


@dataclass(frozen=True, slots=True)
class Binding:
    """A source and its target."""

    source: Source
    target: Target
    pad: int | None = None
    """0..15; None: the pad hit last, else the selected one."""
    port: str = ""
    """A part of the port's name; "" matches every port of the map."""
    least: float | None = None
    most: float | None = None
    """The value at either end of the knob, in the target's unit; None: the target's own range."""
    takeover: bool = True
    """Soft takeover: the value moves only once the knob has passed it, so that it never jumps."""
    kit: str = ""
    """The folder of the kit to open."""


@dataclass(frozen=True, slots=True)
class ControlLine:
    """One [[control]] table of a file; channels and pads count from 1."""

    does: str
    note: int | None = None
    notes: tuple[int, ...] = ()
    """Sixteen notes, one for each pad."""
    cc: int | None = None
    program: int | None = None
    aftertouch: bool = False
    channel: int | None = None
    bank: int | None = None
    pad: int | None = None
    port: str = ""
    least: float | None = None
    most: float | None = None
    takeover: bool | None = None
    kit: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError for an inconsistent line."""
        if self.does not in TARGETS:
            raise ValueError(f'does cannot be "{self.does}"; it can be {", ".join(TARGETS)}')
        target = TARGETS[self.does]
        if sum((self.note is not None, bool(self.notes), *self._list_other_sources())) != 1:
            raise ValueError(f"{self.does} needs one of note, notes, cc, program, aftertouch")
        for name in ("note", "cc", "program"):
            _check_range(name, getattr(self, name), 0, 127)
        if self.cc in RESERVED:
            raise ValueError(f"cc {self.cc} is the panic button of every controller")
        _check_range("channel", self.channel, 1, 16)
        _check_range("bank", self.bank, 0, 16_383)
        if self.bank is not None and self.program is None:
            raise ValueError("a bank goes with a program")
        _check_range("pad", self.pad, 1, PADS)
        if self.notes:
            check_notes(self.notes)
        if self.pad is not None and not target.for_pad:
            raise ValueError(f"{self.does} is not for one pad")
        if (self.does == "kit") != bool(self.kit):
            raise ValueError('does = "kit" and kit, a kit\'s folder, go together')
        self._check_kind(target)

    def _list_other_sources(self) -> tuple[bool, ...]:
        return (self.cc is not None, self.program is not None, self.aftertouch)

    def _check_kind(self, target: Target) -> None:
        if target.kind == "value":
            if self.cc is None and not self.aftertouch:
                raise ValueError(f"{self.does} is a value: it needs cc or aftertouch")
        elif self.aftertouch or self.least is not None or self.most is not None:
            raise ValueError(f"{self.does} is no value: no aftertouch, least or most")
        if target.kind == "pad" and self.pad is None and not self.notes:
            raise ValueError("hit needs a pad, or sixteen notes")
        if self.notes and (self.pad is not None or not target.for_pad):
            raise ValueError("sixteen notes are for what is done to a pad, one note for each")

    def to_bindings(self) -> tuple[Binding, ...]:
        """Convert the line: sixteen notes are sixteen bindings."""
        channel = None if self.channel is None else self.channel - 1
        takeover = not self.aftertouch if self.takeover is None else self.takeover
        binding = Binding(
            self._make_source(channel),
            TARGETS[self.does],
            None if self.pad is None else self.pad - 1,
            self.port,
            self.least,
            self.most,
            takeover,
            self.kit,
        )
        if not self.notes:
            return (binding,)
        return tuple(
            replace(binding, source=Source(NOTE_ON, note, channel), pad=pad)
            for pad, note in enumerate(self.notes)
        )

    def _make_source(self, channel: int | None) -> Source:
        if self.cc is not None:
            return Source(CONTROL_CHANGE, self.cc, channel)
        if self.program is not None:
            return Source(PROGRAM_CHANGE, self.program, channel, self.bank)
        if self.aftertouch:
            return Source(CHANNEL_PRESSURE, 0, channel)
        return Source(NOTE_ON, self.note or 0, channel)


@dataclass(frozen=True, slots=True)
class LightMap:
    """How a pad is lit: for each state a status byte and a velocity, sent with the pad's note.

    `enter` and `leave` are complete messages in hexadecimal, "" for none: they start and end the
    controller's programmer mode.
    """

    empty: tuple[int, ...]
    ready: tuple[int, ...]
    playing: tuple[int, ...]
    pending: tuple[int, ...]
    generating: tuple[int, ...]
    locked: tuple[int, ...]
    failed: tuple[int, ...]
    enter: str = ""
    leave: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError for invalid messages."""
        for name in ("empty", "ready", "playing", "pending", "generating", "locked", "failed"):
            bytes_ = getattr(self, name)
            if len(bytes_) != 2 or not 0x80 <= bytes_[0] <= 0xBF or not 0 <= bytes_[1] <= 127:
                raise ValueError(
                    f"{name} must be a status byte 0x80..0xBF and a velocity 0..127, "
                    f"got {list(bytes_)}"
                )
        for name in ("enter", "leave"):
            parse_hex_message(getattr(self, name), name)


@dataclass(frozen=True, slots=True)
class ControllerMap:
    """One controller."""

    name: str
    ports: tuple[str, ...] = ()
    """Parts of its ports' names, the preferred one first; empty: every port."""
    notes: tuple[int, ...] = ()
    """The notes of its sixteen pads; empty: the player's general note map."""
    control: tuple[ControlLine, ...] = ()
    lights: LightMap | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for lights without pads or without a port."""
        if self.notes:
            check_notes(self.notes)
        elif self.lights is not None:
            raise ValueError("lights need notes: which light is which pad")
        if self.lights is not None and not self.ports:
            raise ValueError("lights need ports: nobody's keyboard is to be sent them")

    def to_bindings(self) -> tuple[Binding, ...]:
        """Convert all lines."""
        return tuple(binding for line in self.control for binding in line.to_bindings())

    def matches(self, port: str) -> bool:
        """Return whether the map applies to a port of that name."""
        return not self.ports or any(part in port for part in self.ports)


@dataclass(frozen=True, slots=True)
class ControllerMaps:
    """All maps, the first of which wins, and a message for each file that could not be read."""

    maps: tuple[ControllerMap, ...]
    learnt: tuple[Binding, ...] = ()
    """The player's learnt controls; not among the maps."""
    learnt_unreadable: bool = False
    """Whether there is a file of learnt controls that could not be read."""
    errors: tuple[str, ...] = ()


def parse_hex_message(text: str, name: str) -> bytes:
    """Parse "F0 00 F7"; raises ValueError unless it is empty or one complete message."""
    try:
        data = bytes.fromhex(text)
    except ValueError as error:
        raise ValueError(f"{name} must be bytes like F0 7E F7, got {text!r}") from error
    if data and (data[0] < 0x80 or (data[0] == 0xF0) != (data[-1] == 0xF7)):
        raise ValueError(f"{name} must be one whole message, got {text!r}")
    return data


def strip_alsa_number(port: str) -> str:
    """Return a port's name without ALSA's client and port numbers, which change at every start."""
    return _ALSA_NUMBER.sub("", port)


def read_controller_map(path: Path) -> ControllerMap:
    """Read one file. Raises ConfigError that names the key."""
    return from_table(ControllerMap, read_toml(path), path.name)


def read_controller_maps(own: Path, presets: Path = PRESETS) -> ControllerMaps:
    """Read the player's maps, then those that come with Pingpad.

    A file of the player's replaces the preset of the same name. Maps for every port come after maps
    for particular ports.
    """
    paths = {path.stem: path for folder in (presets, own) for path in sorted(folder.glob("*.toml"))}
    found: list[tuple[bool, bool, ControllerMap]] = []
    learnt: tuple[Binding, ...] = ()
    bad: dict[str, str] = {}
    for stem, path in paths.items():
        try:
            read = read_controller_map(path)
        except ConfigError as error:
            bad[stem] = str(error)
            continue
        if stem == LEARNT:
            learnt = read.to_bindings()
        else:
            found.append((not read.ports, path.parent != own, read))
    found.sort(key=lambda item: item[:2])
    maps = tuple(read for *_, read in found)
    return ControllerMaps(maps, learnt, LEARNT in bad, tuple(bad.values()))


def format_learnt_map(bindings: Iterable[Binding]) -> str:
    """Format the file of learnt bindings."""
    table = {"name": "Learnt", "control": [_make_control_table(binding) for binding in bindings]}
    comment = "# Written by learning. Each control may be edited or taken out.\n"
    return comment + as_toml(table)


def _make_control_table(binding: Binding) -> dict[str, object]:
    """Return the [[control]] table of a binding; defaults are left out."""
    source = binding.source
    kinds = {NOTE_ON: "note", CONTROL_CHANGE: "cc", PROGRAM_CHANGE: "program"}
    pressure = source.kind == CHANNEL_PRESSURE
    values = {
        "does": binding.target.name,
        **({"aftertouch": True} if pressure else {kinds[source.kind]: source.number}),
        "channel": None if source.channel is None else source.channel + 1,
        "bank": source.bank,
        "kit": binding.kit or None,
        "pad": None if binding.pad is None else binding.pad + 1,
        "port": binding.port or None,
        "least": binding.least,
        "most": binding.most,
        "takeover": binding.takeover if binding.takeover == pressure else None,
    }
    return {name: value for name, value in values.items() if value is not None}


def _check_range(name: str, value: int | None, least: int, most: int) -> None:
    if value is not None and not least <= value <= most:
        raise ValueError(f"{name} must be {least}..{most}, got {value}")
