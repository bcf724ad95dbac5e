from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.midi.messages.takeover import TOLERANCE, Takeover

positions = st.integers(0, 127).map(lambda step: step / 127)


def test_a_knob_far_away_waits_until_it_passes_the_value() -> None:
    takeover, value = Takeover(), 0.7
    moved = [takeover.follow(knob, value) for knob in (0.1, 0.4, 0.6)]
    assert moved == [False, False, False]
    assert takeover.follow(0.8, value)


def test_a_knob_that_passes_downwards_takes_over_too() -> None:
    takeover = Takeover()
    assert not takeover.follow(0.9, 0.5)
    assert takeover.follow(0.3, 0.5)


def test_once_taken_over_it_follows_however_fast_it_is_turned() -> None:
    takeover = Takeover()
    value = 0.5
    for knob in (0.5, 0.9, 0.0):
        assert takeover.follow(knob, value)
        value = knob
        takeover.put(value)


def test_a_value_in_steps_is_followed_between_them() -> None:
    takeover = Takeover()
    for knob in range(128):
        assert takeover.follow(knob / 127, value := round(2 * max(knob - 1, 0) / 127) / 2)
        takeover.put(round(2 * knob / 127) / 2)
        assert 0 <= value <= 1


def test_a_value_the_mouse_moved_meanwhile_waits_again() -> None:
    takeover = Takeover()
    assert takeover.follow(0.5, 0.5)
    takeover.put(0.5)
    assert not takeover.follow(0.52, 0.9)
    assert takeover.follow(0.95, 0.9)


@given(positions, st.lists(positions, min_size=1, max_size=40))
def test_no_value_ever_jumps_when_a_knob_begins_to_move_it(value: float, way: list[float]) -> None:
    takeover, last, held = Takeover(), way[0], False
    for knob in way:
        moves = takeover.follow(knob, value)
        if moves and not held:
            # It arrived: the value lies between where the knob was and where it is.
            assert min(last, knob) - TOLERANCE <= value <= max(last, knob) + TOLERANCE
        if moves:
            value = knob
            takeover.put(value)
        held, last = moves, knob


def test_a_value_passed_on_a_way_nobody_told_of_is_taken_over() -> None:
    assert not Takeover().follow(1.0, 0.7, (0.9, 1.0))
    assert Takeover().follow(1.0, 0.7, (0.0, 1.0))
    assert Takeover().follow(0.1, 0.7, (0.1, 0.9))
