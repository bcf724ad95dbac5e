"""Farewell: what an output is sent at the very end, so that it surely arrives. Any one thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.midi.ports.system import MidiOutput

DRAIN_S = 0.3
"""So long until a MIDI system has surely sent what it was given."""
APART_S = 0.01
"""So long between messages: more than a block, so that not all of them share one."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """What an output is to be sent at the end."""

    port: str
    messages: Sequence[bytes]


def say(
    port: MidiOutput, messages: Sequence[bytes], sleep: Callable[[float], None] = time.sleep
) -> None:
    """Send the messages twice and wait until they are gone. Raises MidiUnavailableError.

    Twice: what a busy JACK misses of a block is lost, and nobody is left to notice.
    """
    if not messages:
        return
    for data in (*messages, *messages):
        port.send(data)
        sleep(APART_S)
    sleep(DRAIN_S)
