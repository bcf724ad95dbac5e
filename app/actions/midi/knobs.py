"""What a knob can move: every row of the table of parameters, bound to the session and its pads.

Main thread only.
"""

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
"""Half a step of a knob, and what rounding adds: nearer to zero no place can be."""


@dataclass(frozen=True, slots=True)
class Knob:
    """A value that a knob moves along a scale, in the value's own unit."""

    scale: Scale
    get: Callable[[int], float]
    """Of the pad 0..15, where the value is one pad's."""
    set: Callable[[int, float], object]
    format: Callable[[float], str]
    label: str = ""

    def between(self, least: float | None, most: float | None) -> Knob:
        """Return it with other ends, within its own; they may be the wrong way round."""
        whole = self.scale
        ends = (whole.first if least is None else least, whole.last if most is None else most)
        first, last = (min(max(end, whole.first), whole.last) for end in ends)
        return replace(self, scale=replace(whole, first=first, last=last))

    def place(self, pad: int) -> float:
        """Return where the knob would stand for the value, 0..1."""
        return self.place_of(self.get(pad))

    def place_of(self, value: float) -> float:
        """Return where the knob would stand for a value, 0..1."""
        return self.scale.position_of(value)

    def turn(self, pad: int, share: float) -> None:
        """Set the value to where the knob stands, 0..1."""
        scale = self.scale
        value = scale.value_at(share)
        if scale.curve == "linear" and abs(value) <= abs(scale.last - scale.first) * NEAR_ZERO:
            value = min(max(0.0, min(scale.first, scale.last)), max(scale.first, scale.last))
        self.set(pad, value)

    def format_value(self, pad: int) -> str:
        """Return the value in a player's words."""
        return self.format(self.get(pad))

    def format_line(self, pad: int) -> str:
        """Return what is set and to what: "Low-pass: 440 Hz"."""
        text = self.format_value(pad)
        return f"{self.label}: {text}" if self.label else text


def make_knobs(session: Session, settings: PadSettings) -> dict[str, Knob]:
    """Return every value by the name of its target (app.midi.messages.targets)."""
    return (
        {row.target: _session_number(session, row) for row in SESSION_NUMBERS}
        | {LENGTH_S.target: _length(session)}
        | {row.target: _session_options(session, row) for row in SESSION_OPTIONS}
        | {row.target: _pad_number(session, settings, row) for row in PAD_NUMBERS.values()}
        | {row.target: _pad_options(session, settings, row) for row in PAD_OPTIONS}
    )


def _session_number(session: Session, row: Number) -> Knob:
    def get(_pad: int) -> float:
        return float(getattr(session, row.field))

    def put(_pad: int, value: float) -> None:
        setattr(session, row.field, row.settle(value))

    return Knob(row.knob_scale, get, put, row.format, row.label)


def _pad_number(session: Session, settings: PadSettings, row: Number) -> Knob:
    def get(pad: int) -> float:
        return float(getattr(session.kit.pads[pad].parameters, row.field))

    def put(pad: int, value: float) -> None:
        settings.set_number(pad, row, value)

    return Knob(row.knob_scale, get, put, row.format, row.label)


def _options(
    row: Options[object], get: Callable[[int], object], put: Callable[[int, object], None]
) -> Knob:
    """Turn through the choices, each over an equal part of the way."""
    return Knob(
        Scale(0, len(row.choices) - 1),
        lambda pad: row.index(get(pad)),
        lambda pad, place: put(pad, row.values[round(place)]),
        lambda place: row.choices[round(place)].text,
        row.label,
    )


def _session_options(session: Session, row: Options[object]) -> Knob:
    return _options(
        row,
        lambda _pad: getattr(session, row.field),
        lambda _pad, value: setattr(session, row.field, value),
    )


def _pad_options(session: Session, settings: PadSettings, row: Options[object]) -> Knob:
    return _options(
        row,
        lambda pad: getattr(session.kit.pads[pad].parameters, row.field),
        lambda pad, value: settings.change(pad, **{row.field: value}),
    )


def _length(session: Session) -> Knob:
    """Bars or seconds, whichever the length is counted in, over the whole way."""

    def row() -> Number:
        return LENGTH_BARS if session.length_unit == "bars" else LENGTH_S

    def place(_pad: int) -> float:
        return row().scale.position_of(getattr(session, row().field))

    def put(_pad: int, place: float) -> None:
        value = row().settle(row().scale.value_at(place))
        if row() is LENGTH_BARS:
            session.bars = int(value)
        else:
            session.seconds = value

    def text(_place: float) -> str:
        return row().format(getattr(session, row().field))

    return Knob(Scale(0.0, 1.0), place, put, text, LENGTH_S.label)
