"""Polyphonic note detection by an independent network, basic-pitch. No torch.

"A Lightweight Instrument-Agnostic Model for Polyphonic Note Transcription" (Bittner 2022). Its ONNX
file is run by onnxruntime; neither is declared, see presets/judges.txt. One process.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.api import EngineError
from engine.clip import Clip

RATE_HZ, WINDOW = 22_050, 43_844
"""What the network takes: 2 s, mono."""
FRAME_S = 256 / RATE_HZ
LOWEST_NOTE = 21
NOTES = "StatefulPartitionedCall:1"
WEIGHTS = "saved_models/icassp_2022/nmp.onnx"
HEARD = 0.3
"""Least mean confidence over the sound for a note to count as heard."""
ADVICE = "python -m pip install --no-deps --require-hashes -r presets/judges.txt"


class NoteDetectorError(EngineError):
    """The note detector is not on this computer; the text says how to get it."""


class NoteDetector:
    """Measures with what confidence each note sounds."""

    def __init__(self) -> None:
        """Load the network. Raises NoteDetectorError when it, or what runs it, is not here."""
        weights = _find_weights()
        try:
            runtime: Any = importlib.import_module("onnxruntime")
        except ImportError as error:
            raise NoteDetectorError(f"onnxruntime is not here: {ADVICE}") from error
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = runtime.InferenceSession(
            str(weights), options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    def confidence(self, clip: Clip) -> dict[int, float]:
        """Return each MIDI note's mean confidence in the first two seconds, 0..1."""
        mono = clip.at_rate(RATE_HZ).samples.mean(axis=1)[:WINDOW]
        window = np.zeros((1, WINDOW, 1), np.float32)
        window[0, : len(mono), 0] = mono
        notes = self._session.run([NOTES], {self._input: window})[0][0]
        heard = notes[: max(1, round(len(mono) / RATE_HZ / FRAME_S))].mean(axis=0)
        return {LOWEST_NOTE + place: float(value) for place, value in enumerate(heard)}

    def hears(self, clip: Clip, pitches: Sequence[float]) -> bool:
        """Return whether all of these MIDI notes sound."""
        confidence = self.confidence(clip)
        return all(confidence.get(round(pitch), 0.0) >= HEARD for pitch in pitches)


def _find_weights() -> Path:
    """Find the package's weights without importing it, which would need its training stack."""
    found = importlib.util.find_spec("basic_pitch")
    if found is None or found.origin is None:
        raise NoteDetectorError(f"basic-pitch is not here: {ADVICE}")
    weights = Path(found.origin).parent / WEIGHTS
    if not weights.is_file():
        raise NoteDetectorError(f"{weights} is missing: {ADVICE}")
    return weights
