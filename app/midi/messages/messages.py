"""MIDI bytes checked once, at the border: what is no whole message for us is None. Any thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NOTE_OFF, NOTE_ON, KEY_PRESSURE, CONTROL = 0x80, 0x90, 0xA0, 0xB0
PROGRAM, PRESSURE, BEND = 0xC0, 0xD0, 0xE0
SONG_POSITION = 0xF2
TICK, START, CONTINUE, STOP = 0xF8, 0xFA, 0xFB, 0xFC
BANK, FINE_BANK = 0, 32
"""Controls that say which bank the next program is of."""
ALL_SOUND_OFF, RESET_CONTROLLERS, ALL_NOTES_OFF = 120, 121, 123

TICKS_PER_BEAT = 24
"""MIDI 1.0: clocks in a quarter note."""
TICKS_PER_SIXTEENTH = 6
"""MIDI 1.0: song positions count sixteenths ("MIDI beats") of six clocks each."""
DRUM_CHANNEL = 9
"""Channel 10 as players count: drums, by General MIDI's habit."""


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
    """A key came up; how fast is of no use (an LPD8 always says 127)."""

    note: int
    channel: int = 0


@dataclass(frozen=True, slots=True)
class Control:
    """A knob, fader or button: number and value 0..127."""

    number: int
    value: int
    channel: int = 0


@dataclass(frozen=True, slots=True)
class Program:
    """A program change, 0..127 as on the wire; many devices show 1..128."""

    number: int
    channel: int = 0


@dataclass(frozen=True, slots=True)
class Pressure:
    """Aftertouch 0..127, of the whole channel or of one key: the hand presses, whichever says."""

    value: int
    channel: int = 0


@dataclass(frozen=True, slots=True)
class Silence:
    """All sound off, or all notes off: what a panic button sends."""

    channel: int = 0


@dataclass(frozen=True, slots=True)
class ResetControllers:
    """Every knob is to count as untouched."""

    channel: int = 0


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock's tick, 24 a beat, or its start, continue or stop."""

    kind: Literal["tick", "start", "continue", "stop"]


@dataclass(frozen=True, slots=True)
class SongPosition:
    """Where the next continue goes on, in sixteenths from the start: 0..16383."""

    sixteenths: int


@dataclass(frozen=True, slots=True)
class Other:
    """A whole message of no use here: bend, active sensing, reset."""


Message = (
    NoteOn
    | NoteOff
    | Control
    | Program
    | Pressure
    | Silence
    | ResetControllers
    | Clock
    | SongPosition
    | Other
)

_OTHER = Other()
_DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}
_SINGLE: dict[int, Message] = {
    TICK: Clock("tick"),
    START: Clock("start"),
    CONTINUE: Clock("continue"),
    STOP: Clock("stop"),
    0xF9: _OTHER,
    0xFD: _OTHER,
    0xFE: _OTHER,
    0xFF: _OTHER,
}


def parse(data: bytes) -> Message | None:
    """Return the message; None for anything that is not exactly one, whatever the bytes are.

    Running status (no status byte), system exclusive, too short, too long and data bytes above
    127 are None. Never raises.
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
    return _on_channel(status & 0xF0, data, status & 0x0F)


def _on_channel(kind: int, data: bytes, channel: int) -> Message:
    if kind == NOTE_ON and data[2] > 0:
        return NoteOn(data[1], data[2], channel)
    if kind in (NOTE_ON, NOTE_OFF):
        return NoteOff(data[1], channel)
    if kind == CONTROL:
        return _control(data[1], data[2], channel)
    if kind == PROGRAM:
        return Program(data[1], channel)
    if kind in (PRESSURE, KEY_PRESSURE):
        return Pressure(data[-1], channel)
    return _OTHER


def _control(number: int, value: int, channel: int) -> Message:
    if number in (ALL_SOUND_OFF, ALL_NOTES_OFF):
        return Silence(channel)
    if number == RESET_CONTROLLERS:
        return ResetControllers(channel)
    return Control(number, value, channel)


def spoken(data: bytes) -> str:
    """Return a message's bytes in a player's words, with the numbers a map is written in."""
    message = parse(data)
    match message:
        case NoteOn():
            text = f"note {message.note} on, velocity {message.velocity}"
        case NoteOff():
            text = f"note {message.note} off"
        case Control():
            text = f"CC {message.number} = {message.value}"
        case Program():
            text = f"program {message.number}"
        case Pressure():
            text = f"aftertouch {message.value}"
        case Silence():
            text = f"panic (CC {data[1]})"
        case ResetControllers():
            return f"reset of all controls (CC {RESET_CONTROLLERS})"
        case Clock():
            return f"clock {message.kind}"
        case SongPosition():
            return f"song position {message.sixteenths} sixteenths"
        case _:
            return " ".join(f"{byte:02X}" for byte in data[:8]) + ("…" if len(data) > 8 else "")
    return f"{text}, channel {message.channel + 1}"
