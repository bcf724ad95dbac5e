"""MidiMapping: pads and bindings of each port's messages. Immutable; any thread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from app.midi.messages.controller_map import Binding, ControllerMap, strip_alsa_number
from app.midi.messages.pad_map import PadMap, make_chromatic_map
from app.model.kit import PADS


@dataclass(frozen=True, slots=True)
class PortMapping:
    """The pads and bindings of one port's messages."""

    pads: Mapping[int, int]
    """Pad 0..15 by note."""
    bindings: Mapping[tuple[int, int], tuple[Binding, ...]]
    """By kind and number; those for one channel, or for one bank, first."""

    def find_key(self, note: int) -> int | None:
        """Return the pad 0..15 of a note, or its distance from pad 1's note in semitones.

        None for other notes where the pads' notes are not consecutive.
        """
        pad = self.pads.get(note)
        if pad is not None:
            return pad
        first = min(self.pads)
        consecutive = all(self.pads.get(first + pad) == pad for pad in range(PADS))
        return note - first if consecutive else None

    def find_binding(self, kind: int, number: int, channel: int, bank: int = 0) -> Binding | None:
        """Return the binding of a message, or None."""
        for binding in self.bindings.get((kind, number), ()):
            source = binding.source
            if source.channel in (None, channel) and source.bank in (None, bank):
                return binding
        return None


@dataclass(frozen=True, slots=True)
class MidiMapping:
    """The player's settings: a channel, a note map and controller maps, of which the first wins."""

    channel: int | None = None
    """0..15; None listens to all."""
    pad_map: PadMap = field(default_factory=make_chromatic_map)
    learnt: tuple[Binding, ...] = ()
    """They override every map."""
    maps: tuple[ControllerMap, ...] = ()

    def compile_for(self, port: str) -> PortMapping:
        """Compile the mapping of one port."""
        matching = [controller for controller in self.maps if controller.matches(port)]
        own = (controller.notes for controller in matching if controller.notes)
        notes = next(own, self.pad_map.notes)
        return PortMapping(
            {note: pad for pad, note in enumerate(notes)},
            _index_by_source(
                binding
                for bindings in (self.learnt, *(each.to_bindings() for each in matching))
                for binding in bindings
                if binding.port in strip_alsa_number(port)
            ),
        )


def _index_by_source(bindings: Iterable[Binding]) -> dict[tuple[int, int], tuple[Binding, ...]]:
    table: dict[tuple[int, int], list[Binding]] = {}
    for binding in bindings:
        source = binding.source
        row = table.setdefault((source.kind, source.number), [])
        # A control does one thing: of two bindings with the same source the first wins.
        if all(other.source != source for other in row):
            row.append(binding)
    return {
        key: tuple(
            sorted(row, key=lambda own: (own.source.channel is None, own.source.bank is None))
        )
        for key, row in table.items()
    }
