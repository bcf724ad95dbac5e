"""JACK MIDI input with a frame-accurate time for each event. The thread of a JACK client.

Python-JACK-Client calls into Python on each cycle, which waits for the interpreter lock; this
callback is compiled and calls libjack by address.
"""

from __future__ import annotations

import numpy as np
from numba import types

from app.audio.kernel.layout import JACK_MIDI, MIDI_EVENTS
from app.audio.kernel.numba_support import (
    Number,
    Record,
    as_pointer,
    call_c,
    carray,
    fence,
    jack_callback,
    to_int64,
)
from app.audio.kernel.resampling import address_of

FRAME = 0xFFFFFFFF
"""JACK's frame times have 32 bits."""


@jack_callback(JACK_MIDI)
def midi_callback(frames: int, memory: Record) -> Number:
    """JackProcessCallback: write this cycle's events of up to three bytes into the ring."""
    jack = carray(memory, (1,))[0]
    count = to_int64(frames)
    began = call_c(jack.last_frame_time, jack.client, 0, 0) & FRAME
    buffer = call_c(jack.port_get_buffer, jack.port, count, 0)
    for number in range(call_c(jack.get_event_count, buffer, 0, 0) & FRAME):
        call_c(jack.event_get, address_of(jack.event), buffer, number)
        size = jack.event[1]
        if not 1 <= size <= 3:
            continue
        if jack.written - jack.read >= MIDI_EVENTS:
            jack.dropped += 1
            continue
        event = jack.events[jack.written % MIDI_EVENTS]
        event.frame = (began + (jack.event[0] & FRAME)) & FRAME
        event.size = size
        data = carray(as_pointer(jack.event[2]), (size,), np.uint8)
        for place in range(size):
            event.data[place] = data[place]
        fence()
        jack.written += 1
    return types.int32(0)
