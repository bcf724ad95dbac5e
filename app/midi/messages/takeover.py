"""Soft takeover: a knob moves a value only once it has passed it, so that nothing jumps."""

from __future__ import annotations

TOLERANCE = 2.5 / 127
"""A knob this near counts as at the value: a hand cannot hit a single step of 127."""


class Takeover:
    """Follows one knob. Positions are 0..1 of its travel."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._set: float | None = None

    def follow(self, knob: float, value: float, sweep: tuple[float, ...] = ()) -> bool:
        """Return whether a knob at position `knob` may move a value that is at position `value`.

        `sweep` holds positions passed since the last call whose messages were merged into this one.
        """
        last, self._last = self._last, knob
        positions = (knob, *sweep) if last is None else (knob, last, *sweep)
        # A value that is still where this knob put it has not been moved by anything else.
        held = self._set is not None and abs(value - self._set) < TOLERANCE
        passed = min(positions) <= value <= max(positions)
        self._set = None
        return held or passed or abs(knob - value) <= TOLERANCE

    def put(self, value: float) -> None:
        """Remember the value's position after a turn: a stepped value differs from the knob's."""
        self._set = value
