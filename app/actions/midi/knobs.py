"""Knobs: every parameter that a knob can move, bound to the session and its pads. Main thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from app.actions.pads.pad_settings import PadSettings
from app.model.parameter_kinds import Number, Options, Scale
from app.model.parameters import (
    LENGTH_BARS,
    LENGTH_S,
    PAD_NUMBERS,
    PAD_OPTIONS,
    SESSION_NUMBERS,
    SESSION_OPTIONS,
)
from app.model.session import Session

NEAR_ZERO = 0.501 / 127
"""Half a step of a knob plus rounding: no position is nearer to zero."""


@dataclass(frozen=True, slots=True)
class Knob:
    """A parameter as a knob moves it, along a scale in the parameter's unit."""

    scale: Scale
    get: Callable[[int], float]
    """Takes the pad 0..15, which session values ignore."""
    set: Callable[[int, float], object]
    format: Callable[[float], str]
    label: str = ""

    def between(self, least: float | None, most: float | None) -> Knob:
        """Return the knob with a narrower range, which may be reversed."""
        full = self.scale
        ends = (full.first if least is None else least, full.last if most is None else most)
        first, last = (min(max(end, full.first), full.last) for end in ends)
        return replace(self, scale=replace(full, first=first, last=last))

    def position(self, pad: int) -> float:
        """Return the knob position 0..1 of a pad's value."""
        return self.position_of(self.get(pad))

    def position_of(self, value: float) -> float:
        """Return the knob position 0..1 of a value."""
        return self.scale.position_of(value)

    def turn(self, pad: int, position: float) -> None:
        """Set a pad's value by the knob position 0..1."""
        scale = self.scale
        value = scale.value_at(position)
        if scale.curve == "linear" and abs(value) <= abs(scale.last - scale.first) * NEAR_ZERO:
            value = min(max(0.0, min(scale.first, scale.last)), max(scale.first, scale.last))
        self.set(pad, value)

    def format_value(self, pad: int) -> str:
        """Format a pad's value: "440 Hz"."""
        return self.format(self.get(pad))

    def format_line(self, pad: int) -> str:
        """Format label and value: "Low-pass: 440 Hz"."""
        text = self.format_value(pad)
        return f"{self.label}: {text}" if self.label else text


def make_knobs(session: Session, settings: PadSettings) -> dict[str, Knob]:
    """Return a knob for every value, by the name of its target (app.midi.messages.targets)."""
    return (
        {row.target: _make_session_number(session, row) for row in SESSION_NUMBERS}
        | {LENGTH_S.target: _make_length(session)}
        | {row.target: _make_session_options(session, row) for row in SESSION_OPTIONS}
        | {row.target: _make_pad_number(session, settings, row) for row in PAD_NUMBERS.values()}
        | {row.target: _make_pad_options(session, settings, row) for row in PAD_OPTIONS}
    )


def _make_session_number(session: Session, row: Number) -> Knob:
    def get(_pad: int) -> float:
        return float(getattr(session, row.field))

    def put(_pad: int, value: float) -> None:
        setattr(session, row.field, row.settle(value))

    return Knob(row.knob_scale, get, put, row.format, row.label)


def _make_pad_number(session: Session, settings: PadSettings, row: Number) -> Knob:
    def get(pad: int) -> float:
        return float(getattr(session.kit.pads[pad].parameters, row.field))

    def put(pad: int, value: float) -> None:
        settings.set_number(pad, row, value)

    return Knob(row.knob_scale, get, put, row.format, row.label)


def _make_options(
    row: Options[object], get: Callable[[int], object], put: Callable[[int, object], None]
) -> Knob:
    """Make a knob that divides its travel equally among the choices."""
    return Knob(
        Scale(0, len(row.choices) - 1),
        lambda pad: row.index(get(pad)),
        lambda pad, index: put(pad, row.values[round(index)]),
        lambda index: row.choices[round(index)].text,
        row.label,
    )


def _make_session_options(session: Session, row: Options[object]) -> Knob:
    return _make_options(
        row,
        lambda _pad: getattr(session, row.field),
        lambda _pad, value: setattr(session, row.field, value),
    )


def _make_pad_options(session: Session, settings: PadSettings, row: Options[object]) -> Knob:
    return _make_options(
        row,
        lambda pad: getattr(session.kit.pads[pad].parameters, row.field),
        lambda pad, value: settings.change(pad, **{row.field: value}),
    )


def _make_length(session: Session) -> Knob:
    """Make the knob of the length, in bars or seconds."""

    def row() -> Number:
        return LENGTH_BARS if session.length_unit == "bars" else LENGTH_S

    def get(_pad: int) -> float:
        return row().scale.position_of(getattr(session, row().field))

    def put(_pad: int, position: float) -> None:
        value = row().settle(row().scale.value_at(position))
        if row() is LENGTH_BARS:
            session.bars = int(value)
        else:
            session.seconds = value

    def format_length(_position: float) -> str:
        return row().format(getattr(session, row().field))

    return Knob(Scale(0.0, 1.0), get, put, format_length, LENGTH_S.label)
