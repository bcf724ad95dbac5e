"""Parts: factories of everything that touches the outside world, with its protocols.

Tests replace them by fakes. Any thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.actions.pads.generate import Engine
from app.audio.devices.audio_devices import AudioDevices
from app.audio.devices.state import AudioState, DeviceRequest
from app.audio.mixer.mixer import Mixer
from app.audio.recording.recorder import InputRecorder
from app.midi.ports.inputs import MidiInputs, MidiState
from app.midi.ports.outputs import MidiOutputs, Sender
from engine.api import Answer
from engine.library.card import EMBEDDED_FOLDER
from engine.process.client import EngineThread


class RunningEngine(Engine, Protocol):
    """engine.process.client.EngineThread, or a fake."""

    def start(self) -> None:
        """Start; returns at once."""
        ...

    def switch_model(self, model_folder: Path) -> None:
        """Load another model, which takes over when it is ready; returns at once."""
        ...

    def cancel_switch(self) -> None:
        """Cancel loading another model; returns at once."""
        ...

    def stop(self) -> None:
        """Stop, within a few seconds."""
        ...


class SoundDevices(Protocol):
    """app.audio.devices.audio_devices.AudioDevices, or a fake."""

    def open(self, request: DeviceRequest) -> AudioState:
        """Open the requested devices; returns at once, `on_change` gets the result."""
        ...

    def measure(self) -> None:
        """Measure the round trip; `on_change` gets the result."""
        ...

    def close(self) -> None:
        """Close the devices."""
        ...


class RunningInputs(Protocol):
    """app.midi.ports.inputs.MidiInputs, or a fake."""

    def start(self) -> None:
        """Start to listen."""
        ...

    def stop(self) -> None:
        """Stop and close the ports."""
        ...


class RunningOutputs(Protocol):
    """app.midi.ports.outputs.MidiOutputs, or a fake."""

    def start(self) -> None:
        """Start to send."""
        ...

    def rescan(self) -> None:
        """Let the senders select their outputs again at once."""
        ...

    def stop(self) -> None:
        """Restore every controller, close the ports and stop."""
        ...


OnAudio = Callable[[AudioState], None]
OnMidi = Callable[[bytes, float, str], None]
OnOutputs = Callable[[tuple[str, ...]], None]


@dataclass(frozen=True, slots=True)
class Parts:
    """Factories of everything that touches the outside world."""

    engine: Callable[[Callable[[Answer], None], Path], RunningEngine] = EngineThread
    audio: Callable[[Mixer, InputRecorder, OnAudio], SoundDevices] = AudioDevices
    midi: Callable[[OnMidi, Callable[[MidiState], None]], RunningInputs] = MidiInputs
    midi_out: Callable[[Sequence[Sender], OnOutputs], RunningOutputs] = MidiOutputs
    model_folder: Path = EMBEDDED_FOLDER
    now: Callable[[], float] = time.time
