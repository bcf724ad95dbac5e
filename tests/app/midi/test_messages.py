from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.midi.messages import NoteOff, NoteOn, Other, Silence, parse


@pytest.mark.parametrize("channel", range(16))
def test_notes_are_heard_on_every_channel(channel: int) -> None:
    assert parse(bytes([0x90 | channel, 36, 100])) == NoteOn(36, 100)
    assert parse(bytes([0x80 | channel, 36, 127])) == NoteOff(36)


def test_velocity_zero_is_a_note_off() -> None:
    assert parse(bytes([0x99, 51, 0])) == NoteOff(51)


@pytest.mark.parametrize("control", [120, 123])
def test_a_panic_button_is_silence(control: int) -> None:
    assert parse(bytes([0xB0, control, 0])) == Silence()


@pytest.mark.parametrize(
    "data",
    [
        [0xF8],
        [0xFA],
        [0xFE],
        [0xFF],
        [0xB0, 1, 64],
        [0xC0, 5],
        [0xD0, 99],
        [0xE0, 0, 64],
        [0xA0, 36, 9],
    ],
)
def test_whole_messages_that_are_not_for_pads_are_other(data: list[int]) -> None:
    assert parse(bytes(data)) == Other()


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
        [0xF8, 0],
        [0xC0],
    ],
    ids=str,
)
def test_running_status_sysex_cut_off_and_garbage_are_none(data: list[int]) -> None:
    assert parse(bytes(data)) is None


@given(st.binary(max_size=8))
def test_no_bytes_whatever_raise_or_give_a_note_outside_midi(data: bytes) -> None:
    message = parse(data)
    if isinstance(message, NoteOn):
        assert 0 <= message.note <= 127 and 1 <= message.velocity <= 127
    if isinstance(message, NoteOff):
        assert 0 <= message.note <= 127
