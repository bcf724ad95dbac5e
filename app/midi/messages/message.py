"""MIDI messages as values, parsed and validated on input. Any thread.

mido parses too, into objects with dynamic attributes, and raises on malformed messages; the MIDI
thread needs frozen values, or None, within microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NOTE_OFF, NOTE_ON, POLY_PRESSURE, CONTROL_CHANGE = 0x80, 0x90, 0xA0, 0xB0
PROGRAM_CHANGE, CHANNEL_PRESSURE, PITCH_BEND = 0xC0, 0xD0, 0xE0
SONG_POSITION = 0xF2
TICK, START, CONTINUE, STOP = 0xF8, 0xFA, 0xFB, 0xFC
BANK_MSB, BANK_LSB = 0, 32
"""Bank select: the bank of the next program change."""
ALL_SOUND_OFF, RESET_CONTROLLERS, ALL_NOTES_OFF = 120, 121, 123

TICKS_PER_BEAT = 24
"""MIDI 1.0: timing clocks per quarter note."""
TICKS_PER_SIXTEENTH = 6
"""MIDI 1.0: song positions count sixteenths ("MIDI beats") of six clocks each."""
DRUM_CHANNEL = 9
"""Channel 10 as players count: drums in General MIDI."""


@dataclass(frozen=True, slots=True)
class NoteOn:
    """A key went down."""

    note: int
    """0..127."""
    velocity: int
    """1..127: a velocity of 0 is a NoteOff."""
    channel: int = 0
    """0..15; players count 1..16."""


@dataclass(frozen=True, slots=True)
class NoteOff:
    """A key came up; release velocity is ignored (an LPD8 always sends 127)."""

    note: int
    channel: int = 0


@dataclass(frozen=True, slots=True)
class ControlChange:
    """A knob, fader or button: number and value 0..127."""

    number: int
    value: int
    channel: int = 0


@dataclass(frozen=True, slots=True)
class ProgramChange:
    """A program change, 0..127 as on the wire; many devices show 1..128."""

    number: int
    channel: int = 0


@dataclass(frozen=True, slots=True)
class Aftertouch:
    """Aftertouch 0..127; channel and key aftertouch are treated alike."""

    value: int
    channel: int = 0


@dataclass(frozen=True, slots=True)
class Panic:
    """All sound off or all notes off, as a panic button sends them."""

    channel: int = 0


@dataclass(frozen=True, slots=True)
class ResetControllers:
    """Reset all controllers: every control counts as untouched."""

    channel: int = 0


@dataclass(frozen=True, slots=True)
class ClockMessage:
    """A timing clock, 24 per beat, or start, continue, stop."""

    kind: Literal["tick", "start", "continue", "stop"]


@dataclass(frozen=True, slots=True)
class SongPosition:
    """Where the next continue resumes, in sixteenths from the start: 0..16383."""

    sixteenths: int


@dataclass(frozen=True, slots=True)
class OtherMessage:
    """A complete message that is not used here: pitch bend, active sensing, system reset."""


Message = (
    NoteOn
    | NoteOff
    | ControlChange
    | ProgramChange
    | Aftertouch
    | Panic
    | ResetControllers
    | ClockMessage
    | SongPosition
    | OtherMessage
)

_OTHER = OtherMessage()
_DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}
_SINGLE: dict[int, Message] = {
    TICK: ClockMessage("tick"),
    START: ClockMessage("start"),
    CONTINUE: ClockMessage("continue"),
    STOP: ClockMessage("stop"),
    0xF9: _OTHER,
    0xFD: _OTHER,
    0xFE: _OTHER,
    0xFF: _OTHER,
}


def parse(data: bytes) -> Message | None:
    """Parse exactly one message; return None for anything else. Never raises.

    None is returned for running status (no status byte), system exclusive, messages that are too
    short or too long, and data bytes above 127.
    """
    if not data or data[0] < 0x80:
        return None
    status = data[0]
    if len(data) == 1:
        return _SINGLE.get(status)
    if any(byte > 127 for byte in data[1:]):
        return None
    if status == SONG_POSITION:
        return SongPosition(data[1] + 128 * data[2]) if len(data) == 3 else None
    if len(data) != 1 + _DATA_BYTES.get(status & 0xF0, -1):
        return None
    return _parse_channel_message(status & 0xF0, data, status & 0x0F)


def _parse_channel_message(kind: int, data: bytes, channel: int) -> Message:
    if kind == NOTE_ON and data[2] > 0:
        return NoteOn(data[1], data[2], channel)
    if kind in (NOTE_ON, NOTE_OFF):
        return NoteOff(data[1], channel)
    if kind == CONTROL_CHANGE:
        return _parse_control_change(data[1], data[2], channel)
    if kind == PROGRAM_CHANGE:
        return ProgramChange(data[1], channel)
    if kind in (CHANNEL_PRESSURE, POLY_PRESSURE):
        return Aftertouch(data[-1], channel)
    return _OTHER


def _parse_control_change(number: int, value: int, channel: int) -> Message:
    if number in (ALL_SOUND_OFF, ALL_NOTES_OFF):
        return Panic(channel)
    if number == RESET_CONTROLLERS:
        return ResetControllers(channel)
    return ControlChange(number, value, channel)
