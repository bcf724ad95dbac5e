"""Aftertouch bends a value from where it stands, and lets it go back. Main thread only.

A hand that lets go sends 0: without this, that would be a filter closed for good.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.actions.midi.knobs import Knob
from app.midi.messages.controller_map import Binding

AT_TOP = 0.99
"""What stands at its highest is bent down: a hand on an open filter is to be heard."""
SAME = 1e-6


@dataclass(slots=True)
class _Bent:
    knob: Knob
    pad: int
    rest: float
    """The value that a hand has not touched."""
    end: float
    """Where the hardest press leads, 0..1 of the knob's way."""
    put: float = -1.0
    """Where the hand has put it, 0..1."""


class AftertouchBends:
    """What is pressed now."""

    def __init__(self) -> None:
        self._bent: dict[Binding, _Bent] = {}

    def press(self, binding: Binding, knob: Knob, pad: int, pressure: float) -> None:
        """Bend a pad's value by a pressure 0..1; 0, or another pad, lets it go.

        `knob` has the value's whole range.
        """
        bent = self._bent.get(binding)
        if bent is not None and (bent.pad != pad or pressure == 0.0):
            self._release(binding)
            bent = None
        if pressure == 0.0:
            return
        if bent is None:
            bent = self._bent[binding] = _Bent(knob, pad, knob.get(pad), _end(binding, knob, pad))
        elif abs(knob.place(pad) - bent.put) > SAME:
            # Moved by another hand meanwhile: that is where it stands now.
            bent.rest = knob.get(pad)
        start = knob.place_of(bent.rest)
        knob.turn(pad, start + pressure * (bent.end - start))
        bent.put = knob.place(pad)

    def let_go(self) -> None:
        """Let everything go back."""
        for binding in tuple(self._bent):
            self._release(binding)

    def _release(self, binding: Binding) -> None:
        bent = self._bent.pop(binding)
        if abs(bent.knob.place(bent.pad) - bent.put) <= SAME:
            bent.knob.set(bent.pad, bent.rest)


def _end(binding: Binding, knob: Knob, pad: int) -> float:
    if binding.most is not None:
        return knob.place_of(binding.most)
    return 1.0 if knob.place(pad) < AT_TOP else 0.0
