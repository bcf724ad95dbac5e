"""Aftertouch moves a value away from where it is set, and releasing moves it back. Main thread.

A released key sends 0: as an ordinary knob that would leave a filter closed.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.actions.midi.knobs import Knob
from app.midi.messages.controller_map import Binding

NEAR_MAX = 0.99
"""A value from here up is moved down, so that pressing with the filter open is heard."""
TOLERANCE = 1e-6


@dataclass(slots=True)
class _Bend:
    knob: Knob
    pad: int
    base: float
    """The value without pressure."""
    end: float
    """The knob position 0..1 at full pressure."""
    position: float = -1.0
    """The position that was set last, 0..1."""


class AftertouchBends:
    """All values under pressure."""

    def __init__(self) -> None:
        self._bends: dict[Binding, _Bend] = {}

    def press(self, binding: Binding, knob: Knob, pad: int, pressure: float) -> None:
        """Move a pad's value by a pressure 0..1; 0, or another pad, moves it back.

        `knob` has the full range of the value.
        """
        bend = self._bends.get(binding)
        if bend is not None and (bend.pad != pad or pressure == 0.0):
            self._release(binding)
            bend = None
        if pressure == 0.0:
            return
        if bend is None:
            bend = self._bends[binding] = _Bend(
                knob, pad, knob.get(pad), _find_end(binding, knob, pad)
            )
        elif abs(knob.position(pad) - bend.position) > TOLERANCE:
            # Something else moved it meanwhile: that is its base now.
            bend.base = knob.get(pad)
        start = knob.position_of(bend.base)
        knob.turn(pad, start + pressure * (bend.end - start))
        bend.position = knob.position(pad)

    def release_all(self) -> None:
        """Move everything back."""
        for binding in tuple(self._bends):
            self._release(binding)

    def _release(self, binding: Binding) -> None:
        bend = self._bends.pop(binding)
        if abs(bend.knob.position(bend.pad) - bend.position) <= TOLERANCE:
            bend.knob.set(bend.pad, bend.base)


def _find_end(binding: Binding, knob: Knob, pad: int) -> float:
    if binding.most is not None:
        return knob.position_of(binding.most)
    return 1.0 if knob.position(pad) < NEAR_MAX else 0.0
