"""Rules: what each port's messages mean, compiled from the maps. Any thread; never changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from app.midi.messages.controller_map import Binding, ControllerMap, known_name
from app.midi.messages.pad_map import PADS, PadMap, chromatic


@dataclass(frozen=True, slots=True)
class PortRules:
    """What the messages of one port mean."""

    pads: Mapping[int, int]
    """Pad 0..15 by note."""
    bindings: Mapping[tuple[int, int], tuple[Binding, ...]]
    """By kind and number; those for one channel, and for one bank, first."""

    def key(self, note: int) -> int | None:
        """Return the pad 0..15 of a note, or how many semitones it lies from pad 1's.

        None for a note beside pads that do not lie in a row.
        """
        pad = self.pads.get(note)
        if pad is not None:
            return pad
        first = min(self.pads)
        in_a_row = all(self.pads.get(first + pad) == pad for pad in range(PADS))
        return note - first if in_a_row else None

    def find(self, kind: int, number: int, channel: int, bank: int = 0) -> Binding | None:
        """Return what that message does, or None."""
        for binding in self.bindings.get((kind, number), ()):
            source = binding.source
            if source.channel in (None, channel) and source.bank in (None, bank):
                return binding
        return None


@dataclass(frozen=True, slots=True)
class Rules:
    """The player's choice: a channel, a note map, controller maps of which the first wins."""

    channel: int | None = None
    """0..15; None listens to all."""
    pad_map: PadMap = field(default_factory=chromatic)
    learnt: tuple[Binding, ...] = ()
    """They win against every map."""
    maps: tuple[ControllerMap, ...] = ()

    def for_port(self, port: str) -> PortRules:
        """Compile what counts for a port of that name."""
        fitting = [one for one in self.maps if one.fits(port)]
        own = next((one.notes for one in fitting if one.notes), self.pad_map.notes)
        return PortRules(
            {note: pad for pad, note in enumerate(own)},
            _by_source(
                binding
                for bindings in (self.learnt, *(one.bindings() for one in fitting))
                for binding in bindings
                if binding.port in known_name(port)
            ),
        )


def _by_source(bindings: Iterable[Binding]) -> dict[tuple[int, int], tuple[Binding, ...]]:
    table: dict[tuple[int, int], list[Binding]] = {}
    for binding in bindings:
        source = binding.source
        row = table.setdefault((source.kind, source.number), [])
        # A control does one thing: of two lines with the same source the first counts.
        if all(other.source != source for other in row):
            row.append(binding)
    return {
        key: tuple(
            sorted(row, key=lambda one: (one.source.channel is None, one.source.bank is None))
        )
        for key, row in table.items()
    }
