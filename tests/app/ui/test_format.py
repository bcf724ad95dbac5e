from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.ui.format import format_message, format_ms, format_unknown_words


def test_a_time_is_in_milliseconds_below_a_second() -> None:
    assert [format_ms(time) for time in (0.4, 999.4, 1000.0, 12_345.0)] == [
        "0 ms",
        "999 ms",
        "1.00 s",
        "12.35 s",
    ]


def test_many_unknown_words_are_counted_and_long_ones_cut() -> None:
    assert format_unknown_words(()) == ""
    assert format_unknown_words(("a", "b", "c", "d", "e")) == (
        "The model has never seen: a, b, c and 2 more"
    )
    assert len(format_unknown_words(("w" * 5000,))) < 60


def test_messages_are_shown_with_the_numbers_a_map_is_written_in() -> None:
    shown = [
        format_message(bytes(data))
        for data in (
            [0x99, 36, 100],
            [0xB0, 7, 1],
            [0xC3, 0],
            [0xD0, 5],
            [0xF0, 1, 2, 3, 4, 5, 6, 7, 8, 0xF7],
        )
    ]
    assert shown == [
        "note 36 on, velocity 100, channel 10",
        "CC 7 = 1, channel 1",
        "program 0, channel 4",
        "aftertouch 5, channel 1",
        "F0 01 02 03 04 05 06 07…",
    ]


@given(st.binary(max_size=12))
def test_any_bytes_can_be_shown(data: bytes) -> None:
    assert "\n" not in format_message(data)
