"""Takeover: a knob moves a value only once it has passed it, so that nothing ever jumps."""

from __future__ import annotations

CLOSE = 2.5 / 127
"""A knob this near has arrived: hands do not hit one step of 127."""


class Takeover:
    """Follows one knob. Positions are 0..1 of its way."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._set: float | None = None

    def follow(self, knob: float, value: float) -> bool:
        """Say whether the knob, now at `knob`, may move what is now at `value`."""
        last, self._last = self._last, knob
        # What stands where the knob has put it was moved by nobody else.
        held = self._set is not None and abs(value - self._set) < CLOSE
        passed = last is not None and (last - value) * (knob - value) <= 0
        self._set = None
        return held or passed or abs(knob - value) <= CLOSE

    def put(self, value: float) -> None:
        """Note where the knob has put the value: in steps, perhaps, and so not where it is."""
        self._set = value
