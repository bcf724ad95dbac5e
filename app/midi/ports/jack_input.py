"""JackInput: a JACK MIDI port with frame-accurate event times. Used on the MIDI thread.

rtmidi stamps every event with the start of the server's cycle, which would quantise hits to blocks.
This calls libjack directly: compiled code stores the frame of each event on JACK's thread, without
the interpreter lock.
"""

from __future__ import annotations

import ctypes
import time
from typing import Any

import numpy as np

from app.audio.kernel.layout import JACK_MIDI, MIDI_EVENTS

MIDI_TYPE = b"8 bit raw midi"
NO_START_SERVER = 0x01
IS_INPUT = 0x1
MAX_OFFSET_S = 0.03
"""A long block plus a poll: an event time further from now is wrong, because a server that misses
cycles miscounts its frames."""

_FRAME = 1 << 32


class JackRefusedError(Exception):
    """A call of libjack failed; the message says which."""


class Libjack:
    """The functions of libjack that a MIDI input needs."""

    def __init__(self, library: ctypes.CDLL) -> None:
        """`library` exports libjack's functions. Raises JackRefusedError where it does not."""
        self._library = library
        pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint32
        self.client_open = self._load_function("client_open", pointer, text, ctypes.c_int, pointer)
        self.client_close = self._load_function("client_close", ctypes.c_int, pointer)
        self.activate = self._load_function("activate", ctypes.c_int, pointer)
        self.connect = self._load_function("connect", ctypes.c_int, pointer, text, text)
        self.port_name = self._load_function("port_name", text, pointer)
        self.frames_to_time = self._load_function(
            "frames_to_time", ctypes.c_uint64, pointer, number
        )
        self.get_time = self._load_function("get_time", ctypes.c_uint64)
        self.port_register = self._load_function(
            "port_register", pointer, pointer, text, text, ctypes.c_ulong, ctypes.c_ulong
        )
        self.set_process_callback = self._load_function(
            "set_process_callback", ctypes.c_int, pointer, pointer, pointer
        )

    def _load_function(self, name: str, returned: type, *arguments: type) -> Any:  # noqa: ANN401
        try:
            function = getattr(self._library, f"jack_{name}")
        except AttributeError as error:
            raise JackRefusedError(f"libjack has no jack_{name}") from error
        function.restype, function.argtypes = returned, arguments
        return function

    def get_address(self, name: str) -> int:
        """Return the address of a function, for compiled code."""
        function = getattr(self._library, f"jack_{name}")
        return ctypes.cast(function, ctypes.c_void_p).value or 0


class JackInput:
    """One open port, in a client of its own."""

    def __init__(self, jack: Libjack, name: str, source: str | None = None) -> None:
        """Open a port called `name` and connect `source` to it. Raises JackRefusedError."""
        self.time_s: float | None = None
        """When the event read last arrived (time.perf_counter); None where that is unknown."""
        self._jack = jack
        self._memory = np.zeros(1, JACK_MIDI)
        self._memory.view(np.uint8).fill(0)  # touched now: no page fault in the callback
        self._shared: Any = self._memory[0]
        self._client = jack.client_open(name.encode(), NO_START_SERVER, None)
        if not self._client:
            raise JackRefusedError("the JACK server refused a client")
        try:
            self._open(name, source)
        except JackRefusedError:
            self.close()
            raise

    def _open(self, name: str, source: str | None) -> None:
        # Imported late because it may have to be compiled, which only users of JACK should pay for.
        from app.audio.kernel.jack_midi import midi_callback

        jack, shared = self._jack, self._shared
        port = jack.port_register(self._client, name.encode(), MIDI_TYPE, IS_INPUT, 0)
        if not port:
            raise JackRefusedError("the JACK server refused a port")
        shared["client"], shared["port"] = self._client, port
        shared["last_frame_time"] = jack.get_address("last_frame_time")
        shared["port_get_buffer"] = jack.get_address("port_get_buffer")
        shared["get_event_count"] = jack.get_address("midi_get_event_count")
        shared["event_get"] = jack.get_address("midi_event_get")
        # On Linux both clocks are usually CLOCK_MONOTONIC.
        self._offset_s = time.perf_counter() - jack.get_time() / 1e6
        address = self._memory.ctypes.data
        if jack.set_process_callback(self._client, midi_callback.address, address):
            raise JackRefusedError("the JACK server refused the callback")
        if jack.activate(self._client):
            raise JackRefusedError("the JACK server did not start the client")
        if source is not None and jack.connect(self._client, source.encode(), jack.port_name(port)):
            raise JackRefusedError("it has just been pulled out")

    def read(self) -> bytes | None:
        """Return the next message, or None; sets `time_s`."""
        shared = self._shared
        number = int(shared["read"])
        if number == int(shared["written"]):
            return None
        event = shared["events"][number % MIDI_EVENTS]
        data = bytes(int(byte) for byte in event["data"][: int(event["size"])])
        self.time_s = self._find_time(int(event["frame"]))
        shared["read"] = number + 1
        return data

    @property
    def dropped(self) -> int:
        """Messages lost because they were not read in time."""
        return int(self._shared["dropped"])

    def _find_time(self, frame: int) -> float | None:
        now_s = time.perf_counter()
        time_s = self._jack.frames_to_time(self._client, frame % _FRAME) / 1e6 + self._offset_s
        return time_s if abs(time_s - now_s) < MAX_OFFSET_S else None

    def close(self) -> None:
        """Close the client; its callback has ended when this returns."""
        self._jack.client_close(self._client)
