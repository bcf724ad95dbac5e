"""Takeover: a knob moves a value only once it has passed it, so that nothing ever jumps."""

from __future__ import annotations

CLOSE = 2.5 / 127
"""A knob this near has arrived: hands do not hit one step of 127."""


class Takeover:
    """Follows one knob. Positions are 0..1 of its way."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._set: float | None = None

    def follow(self, knob: float, value: float, way: tuple[float, ...] = ()) -> bool:
        """Say whether the knob, now at `knob`, may move what is now at `value`.

        `way` are places it went over since the last call and that were not told one by one.
        """
        last, self._last = self._last, knob
        places = (knob, *way) if last is None else (knob, last, *way)
        # What stands where the knob has put it was moved by nobody else.
        held = self._set is not None and abs(value - self._set) < CLOSE
        passed = min(places) <= value <= max(places)
        self._set = None
        return held or passed or abs(knob - value) <= CLOSE

    def put(self, value: float) -> None:
        """Note where the knob has put the value: in steps, perhaps, and so not where it is."""
        self._set = value
