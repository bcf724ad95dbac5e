"""Parts: how to make what touches the world outside, and what the instrument needs of it.

A test replaces them. Any thread.
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
        """Load no other model; returns at once."""
        ...

    def stop(self) -> None:
        """End, within a few seconds."""
        ...


class SoundDevices(Protocol):
    """app.audio.devices.audio_devices.AudioDevices, or a fake."""

    def open(self, request: DeviceRequest) -> AudioState:
        """Open what is asked for; returns at once, news comes by on_change."""
        ...

    def measure(self) -> None:
        """Measure the round trip; news comes by on_change."""
        ...

    def close(self) -> None:
        """Close them."""
        ...


class RunningInputs(Protocol):
    """app.midi.ports.inputs.MidiInputs, or a fake."""

    def start(self) -> None:
        """Begin to listen."""
        ...

    def stop(self) -> None:
        """End."""
        ...


class RunningOutputs(Protocol):
    """app.midi.ports.outputs.MidiOutputs, or a fake."""

    def start(self) -> None:
        """Begin to send."""
        ...

    def rescan(self) -> None:
        """Ask the senders at once where they send to."""
        ...

    def stop(self) -> None:
        """Leave every controller as it was."""
        ...


OnAudio = Callable[[AudioState], None]
OnMidi = Callable[[bytes, float, str], None]
OnOutputs = Callable[[tuple[str, ...]], None]


@dataclass(frozen=True, slots=True)
class Parts:
    """How to make what touches the world outside."""

    engine: Callable[[Callable[[Answer], None], Path], RunningEngine] = EngineThread
    audio: Callable[[Mixer, InputRecorder, OnAudio], SoundDevices] = AudioDevices
    midi: Callable[[OnMidi, Callable[[MidiState], None]], RunningInputs] = MidiInputs
    midi_out: Callable[[Sequence[Sender], OnOutputs], RunningOutputs] = MidiOutputs
    model_folder: Path = EMBEDDED_FOLDER
    now: Callable[[], float] = time.time
