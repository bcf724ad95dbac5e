"""Kinds of parameters: numbers on a scale, and choices; app.model.parameters is their table.

Any thread.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

Curve = Literal["linear", "exponential"]
"""exponential: the same way is the same ratio, as ears count; linear: the same difference."""
Page = Literal["", "shape", "tone"]
"""Where a pad's slider stands; "": it has a place of its own."""

Value_co = TypeVar("Value_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Scale:
    """The way between two values; positions on it are 0..1. `last` may lie below `first`."""

    first: float
    last: float
    curve: Curve = "linear"

    def value_at(self, position: float) -> float:
        """Return the value at a position."""
        if self.curve == "exponential":
            value = self.first * math.pow(self.last / self.first, position)
        else:
            value = self.first + position * (self.last - self.first)
        # Powers and rounding may come out a hair beyond the end.
        return min(max(value, min(self.first, self.last)), max(self.first, self.last))

    def position_of(self, value: float) -> float:
        """Return the position of a value, or that of the nearer end."""
        if self.curve == "exponential":
            share = math.log(max(value, 1e-9) / self.first) / math.log(self.last / self.first)
        else:
            share = (value - self.first) / (self.last - self.first)
        return min(max(share, 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Number:
    """A number that a player moves."""

    field: str
    """Its name in PadParameters or in Session, and in files."""
    target: str
    """Its name in controller maps; "": no knob moves it."""
    label: str
    """As it stands beside its control."""
    title: str
    """As the MIDI window names it."""
    least: float
    most: float
    default: float
    format: Callable[[float], str]
    """The value in a player's words."""
    curve: Curve = "linear"
    first_step: float | None = None
    """Where the exponential way begins; what lies at its beginning is `least`, that is none."""
    knob_range: tuple[float, float] | None = None
    """What a knob covers where the whole range would be too coarse."""
    decimals: int = 6
    """To how many a knob or slider rounds."""
    slider_steps: int = 0
    """Positions of its slider above the lowest."""
    page: Page = ""
    tip: str = ""

    @property
    def scale(self) -> Scale:
        """The way of its slider."""
        first = self.least if self.first_step is None else self.first_step
        return Scale(first, self.most, self.curve)

    @property
    def knob_scale(self) -> Scale:
        """The way of a MIDI knob."""
        return self.scale if self.knob_range is None else Scale(*self.knob_range, self.curve)

    def clamp(self, value: float) -> float:
        """Return the value, or the nearer end of its range."""
        return min(max(value, self.least), self.most)

    def settle(self, value: float) -> float:
        """Return the allowed value nearest to one that was moved to."""
        if self.first_step is not None and value <= self.first_step:
            return self.least
        return self.clamp(round(value, self.decimals))


@dataclass(frozen=True, slots=True)
class Choice(Generic[Value_co]):
    """One of a few values and how it is written."""

    value: Value_co
    text: str
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Options(Generic[Value_co]):
    """A value that is one of a few."""

    field: str
    """Its name in PadParameters or in Session, and in files."""
    target: str
    """Its name in controller maps."""
    label: str
    """Before the choice in a line of text; "": the choice speaks for itself."""
    title: str
    """As the MIDI window names it."""
    choices: tuple[Choice[Value_co], ...]
    """In the order in which a knob turns through them."""

    @property
    def values(self) -> tuple[Value_co, ...]:
        """What it can be."""
        return tuple(choice.value for choice in self.choices)

    def index(self, value: object) -> int:
        """Return where a value stands among the choices; 0 for one that is none of them."""
        return next((n for n, own in enumerate(self.values) if own == value), 0)


Parameter = Number | Options[object]
"""A row of the table."""
