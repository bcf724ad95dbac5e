"""JACK's output for a benchmark, opened in the same way as by the instrument."""

from __future__ import annotations

import threading

from app.audio.devices.audio_devices import AudioDevices
from app.audio.devices.state import AudioState
from app.audio.mixer.mixer import Mixer
from app.audio.recording.recorder import InputRecorder
from engine.errors import PlayerError

OPEN_WITHIN_S = 30.0


def open_output(mixer: Mixer) -> AudioDevices:
    """Open JACK's output and wait until it is open. Raises PlayerError."""
    opened = threading.Event()

    def on_change(state: AudioState) -> None:
        if state.output_name:
            opened.set()

    devices = AudioDevices(mixer, InputRecorder(mixer.rate, 1.0), on_change)
    devices.open()
    if not opened.wait(OPEN_WITHIN_S):
        message = devices.state.message
        devices.close()
        raise PlayerError(f"The bench's JACK server did not start. {message}")
    return devices
