"""Round trips that were measured, each with its devices, rate and block. Sound thread."""

from __future__ import annotations

from dataclasses import replace

from app.audio.devices.device_choice import full_name
from app.audio.devices.round_trip import RoundTrip
from app.audio.devices.sound_system import StreamPlan
from app.audio.devices.state import MeasuredTrip

MOST_KNOWN = 32
"""More than anybody's devices in all their blocks and rates."""


class KnownRoundTrips:
    """The newest round trips, oldest first."""

    def __init__(self) -> None:
        self.trips: tuple[MeasuredTrip, ...] = ()

    def add(self, output: StreamPlan, source: StreamPlan, block: int, found: RoundTrip) -> None:
        """Remember what was measured with two streams, instead of what was known of them."""
        trip = replace(
            _make_key(output, source, block),
            milliseconds=found.milliseconds,
            spread_ms=found.spread_ms,
            heard=found.heard,
        )
        others = [other for other in self.trips if not _is_same_way(other, trip)]
        self.trips = (*others, trip)[-MOST_KNOWN:]

    def find(self, output: StreamPlan, source: StreamPlan, block: int) -> RoundTrip | None:
        """Return what is known of two streams."""
        key = _make_key(output, source, block)
        known = next((trip for trip in self.trips if _is_same_way(trip, key)), None)
        if known is None:
            return None
        return RoundTrip(known.milliseconds, known.spread_ms, known.heard)


def _make_key(output: StreamPlan, source: StreamPlan, block: int) -> MeasuredTrip:
    names = full_name(output.device), full_name(source.device)
    return MeasuredTrip(*names, output.rate, block, 0.0, 0.0, 0)


def _is_same_way(one: MeasuredTrip, other: MeasuredTrip) -> bool:
    return (one.output, one.input, one.rate, one.block_frames) == (
        other.output,
        other.input,
        other.rate,
        other.block_frames,
    )
