from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.midi.messages.message import (
    Aftertouch,
    ClockMessage,
    ControlChange,
    Message,
    NoteOff,
    NoteOn,
    OtherMessage,
    Panic,
    ProgramChange,
    ResetControllers,
    SongPosition,
    parse,
)


@pytest.mark.parametrize("channel", range(16))
def test_notes_are_heard_on_every_channel(channel: int) -> None:
    assert parse(bytes([0x90 | channel, 36, 100])) == NoteOn(36, 100, channel)
    assert parse(bytes([0x80 | channel, 36, 127])) == NoteOff(36, channel)


def test_velocity_zero_is_a_note_off() -> None:
    assert parse(bytes([0x99, 51, 0])) == NoteOff(51, 9)


@pytest.mark.parametrize("control", [120, 123])
def test_a_panic_button_is_silence(control: int) -> None:
    assert parse(bytes([0xB0, control, 0])) == Panic()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([0xB1, 1, 64], ControlChange(1, 64, 1)),
        ([0xB0, 121, 0], ResetControllers()),
        ([0xC0, 5], ProgramChange(5)),
        ([0xD2, 99], Aftertouch(99, 2)),
        ([0xA0, 36, 9], Aftertouch(9)),
        ([0xF8], ClockMessage("tick")),
        ([0xFA], ClockMessage("start")),
        ([0xFB], ClockMessage("continue")),
        ([0xFC], ClockMessage("stop")),
        ([0xF2, 8, 1], SongPosition(136)),
    ],
)
def test_knobs_programs_pressure_and_clock_are_told_apart(
    data: list[int], message: Message
) -> None:
    assert parse(bytes(data)) == message


@pytest.mark.parametrize("data", [[0xFE], [0xFF], [0xF9], [0xE0, 0, 64]])
def test_whole_messages_of_no_use_are_other(data: list[int]) -> None:
    assert parse(bytes(data)) == OtherMessage()


@pytest.mark.parametrize(
    "data",
    [
        [],
        [36, 100],
        [0x90],
        [0x90, 36],
        [0x90, 36, 100, 38, 100],
        [0x90, 200, 100],
        [0x90, 36, 128],
        [0xF0, 0x7E, 0x7F, 0xF7],
        [0xF7],
        [0xF1, 0],
        [0xF2, 1],
        [0xF8, 0],
        [0xC0],
    ],
    ids=str,
)
def test_running_status_sysex_cut_off_and_garbage_are_none(data: list[int]) -> None:
    assert parse(bytes(data)) is None


@given(st.binary(max_size=8))
def test_no_bytes_whatever_raise_or_give_a_number_outside_midi(data: bytes) -> None:
    message = parse(data)
    if isinstance(message, NoteOn):
        assert 0 <= message.note <= 127 and 1 <= message.velocity <= 127
    if isinstance(message, ControlChange):
        assert 0 <= message.number <= 127 and 0 <= message.value <= 127
