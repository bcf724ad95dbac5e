from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from app.audio.mixer.pad_parameters import DEFAULT_PARAMETERS, RANGES, PadParameters
from app.midi.messages.targets import TARGETS
from app.model.parameter_kinds import Number, Options, Scale
from app.model.parameters import (
    LENGTH_BARS,
    PAD_NUMBERS,
    PAD_OPTIONS,
    SESSION_NUMBERS,
    SESSION_OPTIONS,
)
from app.model.session import Session

numbers = pytest.mark.parametrize("row", PAD_NUMBERS.values(), ids=lambda row: row.field)
options = pytest.mark.parametrize("row", PAD_OPTIONS, ids=lambda row: row.field)


def test_every_field_of_a_pad_but_its_switch_has_a_row() -> None:
    rows = {*PAD_NUMBERS, *(row.field for row in PAD_OPTIONS)}
    assert rows == {field.name for field in fields(PadParameters)} - {"reverse"}


def changed(name: str, value: object) -> dict[str, Any]:
    return {name: value}


@numbers
def test_a_number_of_a_pad_takes_both_its_ends_and_nothing_beyond(row: Number) -> None:
    for end in (row.least, row.most):
        assert getattr(replace(DEFAULT_PARAMETERS, **changed(row.field, end)), row.field) == end
    assert (row.least, row.most) == RANGES[row.field]
    for beyond in (row.least - 0.01, row.most + 0.01):
        with pytest.raises(ValueError, match=row.field):
            replace(DEFAULT_PARAMETERS, **changed(row.field, beyond))


@numbers
def test_a_slider_reaches_both_ends_and_none_where_there_is_such(row: Number) -> None:
    assert row.settle(row.scale.value_at(0.0)) == row.least
    assert row.settle(row.scale.value_at(1.0)) == row.most
    assert row.format(row.default)


@options
def test_a_pad_takes_each_of_the_choices(row: Options[object]) -> None:
    for number, value in enumerate(row.values):
        assert getattr(replace(DEFAULT_PARAMETERS, **changed(row.field, value)), row.field) == value
        assert row.index(value) == number


def test_every_row_of_the_session_starts_at_its_default() -> None:
    session = Session()
    for row in SESSION_NUMBERS:
        assert getattr(session, row.field) == row.default
        assert row.least <= row.default <= row.most
    for choice in SESSION_OPTIONS:
        assert getattr(session, choice.field) in choice.values


def test_every_row_is_reached_by_midi() -> None:
    of_pads = [row.target for row in PAD_NUMBERS.values()] + [row.target for row in PAD_OPTIONS]
    of_all = [row.target for row in SESSION_NUMBERS] + [row.target for row in SESSION_OPTIONS]
    assert all(TARGETS[name].kind == "value" for name in of_pads + of_all)
    assert all(TARGETS[name].for_pad for name in of_pads)
    assert not any(TARGETS[name].for_pad for name in of_all)


def test_a_scale_goes_the_wrong_way_round_too_and_comes_back() -> None:
    for scale in (Scale(20.0, 20_000.0, "exponential"), Scale(5.0, -3.0), Scale(800, 50)):
        for position in (0.0, 0.3, 1.0):
            assert scale.position_of(scale.value_at(position)) == pytest.approx(position)
    assert Scale(20.0, 20_000.0, "exponential").value_at(1 / 3) == pytest.approx(200.0)


def test_a_length_in_bars_rounds_to_whole_ones() -> None:
    assert LENGTH_BARS.settle(LENGTH_BARS.scale.value_at(0.5)) == 8.0
    assert LENGTH_BARS.settle(99.0) == 16.0
