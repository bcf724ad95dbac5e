"""KnownRoundTrips: measured round trips by devices, rate and block size. Sound thread."""

from __future__ import annotations

from dataclasses import replace

from app.audio.devices.device_choice import full_name
from app.audio.devices.round_trip import RoundTrip
from app.audio.devices.sound_system import StreamPlan
from app.audio.devices.state import MeasuredTrip

MOST_KNOWN = 32
"""More than anyone's combinations of devices, block sizes and rates."""


class KnownRoundTrips:
    """The last MOST_KNOWN round trips, oldest first."""

    def __init__(self) -> None:
        self.trips: tuple[MeasuredTrip, ...] = ()

    def add(self, output: StreamPlan, source: StreamPlan, block: int, found: RoundTrip) -> None:
        """Store a measurement of two streams, replacing an older one of the same setup."""
        trip = replace(
            _make_key(output, source, block),
            milliseconds=found.milliseconds,
            spread_ms=found.spread_ms,
            heard=found.heard,
        )
        others = [other for other in self.trips if not _is_same_setup(other, trip)]
        self.trips = (*others, trip)[-MOST_KNOWN:]

    def find(self, output: StreamPlan, source: StreamPlan, block: int) -> RoundTrip | None:
        """Return the round trip measured with two streams, or None."""
        key = _make_key(output, source, block)
        known = next((trip for trip in self.trips if _is_same_setup(trip, key)), None)
        if known is None:
            return None
        return RoundTrip(known.milliseconds, known.spread_ms, known.heard)


def _make_key(output: StreamPlan, source: StreamPlan, block: int) -> MeasuredTrip:
    names = full_name(output.device), full_name(source.device)
    return MeasuredTrip(*names, output.rate, block, 0.0, 0.0, 0)


def _is_same_setup(trip: MeasuredTrip, other: MeasuredTrip) -> bool:
    return (trip.output, trip.input, trip.rate, trip.block_frames) == (
        other.output,
        other.input,
        other.rate,
        other.block_frames,
    )
