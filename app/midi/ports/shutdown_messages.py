"""ShutdownMessages: sent to an output on shutdown, twice, so that none is lost. Any one thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.midi.ports.system import MidiOutput

DRAIN_S = 0.3
"""Time for the MIDI system to send everything queued."""
GAP_S = 0.01
"""Time between messages: longer than a JACK block, so that they are spread over several."""


@dataclass(frozen=True, slots=True)
class ShutdownMessages:
    """The messages for one output on shutdown."""

    port: str
    messages: Sequence[bytes]


def send_and_drain(
    port: MidiOutput, messages: Sequence[bytes], sleep: Callable[[float], None] = time.sleep
) -> None:
    """Send the messages twice and wait until they are sent. Raises MidiUnavailableError.

    Twice, because a busy JACK drops messages without reporting it.
    """
    if not messages:
        return
    for data in (*messages, *messages):
        port.send(data)
        sleep(GAP_S)
    sleep(DRAIN_S)
