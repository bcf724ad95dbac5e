"""Messages sent to an output on shutdown, twice, so that none is lost. Any one thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.midi.ports.system import MidiOutput

DRAIN_S = 0.3
"""By then the MIDI system has sent everything it was given."""
GAP_S = 0.01
"""Time between messages: more than a JACK block, so that they do not all share one."""


@dataclass(frozen=True, slots=True)
class ShutdownMessages:
    """What one output is sent on shutdown."""

    port: str
    messages: Sequence[bytes]


def send_and_drain(
    port: MidiOutput, messages: Sequence[bytes], sleep: Callable[[float], None] = time.sleep
) -> None:
    """Send the messages twice and wait until they are gone. Raises MidiUnavailableError.

    A busy JACK drops what it misses within a block, and nobody is left to notice; hence twice.
    """
    if not messages:
        return
    for data in (*messages, *messages):
        port.send(data)
        sleep(GAP_S)
    sleep(DRAIN_S)
