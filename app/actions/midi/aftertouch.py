"""AftertouchBends: aftertouch bends a value away from its base, and releasing restores it.

A released key sends 0, which would leave a filter closed if it were treated as a knob's position.
Main thread.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.actions.midi.knobs import Knob
from app.midi.messages.controller_map import Binding

NEAR_MAX = 0.99
"""From this position up a value is bent downwards, so that pressing closes an open filter."""
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
    """The knob position 0..1 that was set last."""


class AftertouchBends:
    """All values under pressure."""

    def __init__(self) -> None:
        self._bends: dict[Binding, _Bend] = {}

    def press(self, binding: Binding, knob: Knob, pad: int, pressure: float) -> None:
        """Bend a pad's value by a pressure 0..1; 0, or a change of pad, restores it.

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
            # Something else has set the value meanwhile: that is the new base.
            bend.base = knob.get(pad)
        start = knob.position_of(bend.base)
        knob.turn(pad, start + pressure * (bend.end - start))
        bend.position = knob.position(pad)

    def release_all(self) -> None:
        """Restore all values."""
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
