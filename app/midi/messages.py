"""MIDI bytes checked once, at the border: what is no whole message for us is None. Any thread."""

from __future__ import annotations

from dataclasses import dataclass

NOTE_OFF, NOTE_ON, CONTROL = 0x80, 0x90, 0xB0
ALL_SOUND_OFF, ALL_NOTES_OFF = 120, 123
REAL_TIME = 0xF8
"""From here up: clock, start, stop, active sensing. Whole and rightful, but not for pads."""


@dataclass(frozen=True, slots=True)
class NoteOn:
    """A key went down."""

    note: int
    """0..127."""
    velocity: int
    """1..127: a velocity of 0 is a NoteOff."""


@dataclass(frozen=True, slots=True)
class NoteOff:
    """A key came up; how fast is of no use (an LPD8 always says 127)."""

    note: int


@dataclass(frozen=True, slots=True)
class Silence:
    """All sound off, or all notes off: what a panic button sends."""


@dataclass(frozen=True, slots=True)
class Other:
    """A whole message that plays no pad: clock, bend, pressure, other controls, programs."""


Message = NoteOn | NoteOff | Silence | Other

_SILENCE, _OTHER = Silence(), Other()
_DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}


def parse(data: bytes) -> Message | None:
    """Return the message on any channel; None for anything else, whatever the bytes are.

    Running status (no status byte), system exclusive, too short, too long and data bytes above
    127 are None. Never raises.
    """
    if not data or data[0] < 0x80:
        return None
    status = data[0]
    count = 0 if status >= REAL_TIME else _DATA_BYTES.get(status & 0xF0)
    if count is None or len(data) != count + 1 or any(byte > 127 for byte in data[1:]):
        return None
    return _OTHER if count == 0 else _whole(status & 0xF0, data)


def _whole(kind: int, data: bytes) -> Message:
    if kind == NOTE_ON and data[2] > 0:
        return NoteOn(data[1], data[2])
    if kind in (NOTE_ON, NOTE_OFF):
        return NoteOff(data[1])
    if kind == CONTROL and data[1] in (ALL_SOUND_OFF, ALL_NOTES_OFF):
        return _SILENCE
    return _OTHER
