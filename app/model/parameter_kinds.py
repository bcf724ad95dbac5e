"""Kinds of parameters: numbers on a scale, and choices; app.model.parameters is their table.

Any thread.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

Curve = Literal["linear", "exponential"]
"""exponential: equal steps are equal ratios, as ears perceive them; linear: equal differences."""
Page = Literal["", "shape", "tone"]
"""The page of a pad's slider; "": it is not on a page."""

Value_co = TypeVar("Value_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Scale:
    """A range of values with a curve; positions on it are 0..1. `last` may be below `first`."""

    first: float
    last: float
    curve: Curve = "linear"

    def value_at(self, position: float) -> float:
        """Return the value at a position."""
        if self.curve == "exponential":
            value = self.first * math.pow(self.last / self.first, position)
        else:
            value = self.first + position * (self.last - self.first)
        # Powers and rounding may end up slightly outside the range.
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
    """A numeric parameter."""

    field: str
    """Its name in PadParameters or in Session, and in files."""
    target: str
    """Its name in controller maps; "": MIDI cannot control it."""
    label: str
    """Its name beside its control."""
    title: str
    """Its name in the MIDI window."""
    least: float
    most: float
    default: float
    format: Callable[[float], str]
    """Formats the value for the player."""
    curve: Curve = "linear"
    first_step: float | None = None
    """Start of an exponential scale whose `least` is 0 ("none"): its first position means `least`.
    """
    knob_range: tuple[float, float] | None = None
    """The range of a MIDI knob, where the whole range would be too coarse."""
    decimals: int = 6
    """Decimals to which a knob or slider rounds."""
    slider_steps: int = 0
    """Positions of its slider above the lowest."""
    page: Page = ""
    tip: str = ""

    @property
    def scale(self) -> Scale:
        """The scale of its slider."""
        first = self.least if self.first_step is None else self.first_step
        return Scale(first, self.most, self.curve)

    @property
    def knob_scale(self) -> Scale:
        """The scale of a MIDI knob."""
        return self.scale if self.knob_range is None else Scale(*self.knob_range, self.curve)

    def clamp(self, value: float) -> float:
        """Return the value, or the nearer end of its range."""
        return min(max(value, self.least), self.most)

    def settle(self, value: float) -> float:
        """Return the nearest allowed value."""
        if self.first_step is not None and value <= self.first_step:
            return self.least
        return self.clamp(round(value, self.decimals))


@dataclass(frozen=True, slots=True)
class Choice(Generic[Value_co]):
    """One value of Options and its text."""

    value: Value_co
    text: str
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Options(Generic[Value_co]):
    """A parameter with a fixed list of values."""

    field: str
    """Its name in PadParameters or in Session, and in files."""
    target: str
    """Its name in controller maps."""
    label: str
    """Its name before the choice in a line of text; "": the choice needs none."""
    title: str
    """Its name in the MIDI window."""
    choices: tuple[Choice[Value_co], ...]
    """In the order in which a knob turns through them."""

    @property
    def values(self) -> tuple[Value_co, ...]:
        """The allowed values."""
        return tuple(choice.value for choice in self.choices)

    def index(self, value: object) -> int:
        """Return the index of a value among the choices; 0 for any other value."""
        return next((n for n, own in enumerate(self.values) if own == value), 0)


Parameter = Number | Options[object]
"""A row of the table."""
