from __future__ import annotations

from app.midi.ports.duplicate_filter import DuplicateFilter

NOTE, OTHER = bytes([0x90, 36, 100]), bytes([0x90, 36, 99])


def test_a_message_that_comes_both_ways_plays_once_whichever_comes_first() -> None:
    duplicates = DuplicateFilter()
    assert not duplicates.is_duplicate(NOTE, 1.0, own=True)
    assert duplicates.is_duplicate(NOTE, 1.02, own=False)
    assert not duplicates.is_duplicate(OTHER, 2.0, own=False)
    assert duplicates.is_duplicate(OTHER, 2.0, own=True)


def test_a_fast_roll_on_one_port_is_no_echo() -> None:
    duplicates = DuplicateFilter()
    assert not any(duplicates.is_duplicate(NOTE, n * 0.01, own=False) for n in range(200))


def test_a_roll_that_comes_both_ways_plays_each_hit_once() -> None:
    duplicates = DuplicateFilter()
    heard = 0
    for n in range(200):
        heard += not duplicates.is_duplicate(NOTE, n * 0.01, own=True)
        heard += not duplicates.is_duplicate(NOTE, n * 0.01 + 0.005, own=False)
    assert heard == 200


def test_the_same_message_by_the_other_way_a_little_later_is_a_new_hit() -> None:
    duplicates = DuplicateFilter()
    assert not duplicates.is_duplicate(NOTE, 1.0, own=True)
    assert not duplicates.is_duplicate(NOTE, 1.06, own=False)


def test_other_messages_are_no_echoes() -> None:
    duplicates = DuplicateFilter()
    assert not duplicates.is_duplicate(NOTE, 1.0, own=True)
    assert not duplicates.is_duplicate(OTHER, 1.0, own=False)
