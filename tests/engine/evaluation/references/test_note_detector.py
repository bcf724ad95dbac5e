"""The note detector: what it hears in plain chords, and what it says when it is not here."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.clip import Clip
from engine.evaluation.references.note_detector import NoteDetector, NoteDetectorError
from engine.files.paths import PRESETS

IS_HERE = all(importlib.util.find_spec(name) for name in ("basic_pitch", "onnxruntime"))


def chord(*pitches: int, seconds: float = 1.5) -> Clip:
    """Notes of four partials each."""
    time = np.arange(round(seconds * 44_100))[:, None] / 44_100
    partials = [
        np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * k * time) / k
        for pitch in pitches
        for k in (1, 2, 3, 4)
    ]
    wave = np.sum(partials, axis=0)
    return Clip((0.8 * wave / np.abs(wave).max()).astype(np.float32), 44_100)


@pytest.mark.skipif(not IS_HERE, reason="basic-pitch and onnxruntime are not installed")
def test_all_notes_of_a_chord_are_heard_and_no_other() -> None:
    detector = NoteDetector()
    assert detector.hears(chord(57, 60, 64), (57, 60, 64))
    assert not detector.hears(chord(57, 64), (57, 60, 64))
    assert detector.hears(chord(60, seconds=0.4), (60,))


def test_a_detector_that_is_not_here_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    for name in [name for name in sys.modules if name.startswith("basic_pitch")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(NoteDetectorError, match=r"basic-pitch is not here: .*judges\.txt"):
        NoteDetector()
    package = tmp_path / "basic_pitch"
    package.mkdir()
    (package / "__init__.py").touch()
    importlib.invalidate_caches()
    with pytest.raises(NoteDetectorError, match=r"nmp\.onnx is missing"):
        NoteDetector()


def test_judges_are_pinned_by_version_and_checksum() -> None:
    lines = (PRESETS / "judges.txt").read_text().splitlines()
    pinned = [line for line in lines if line and not line.startswith("#")]
    assert len(pinned) >= 2
    assert all(re.fullmatch(r"[\w-]+==[\d.]+( --hash=sha256:[0-9a-f]{64})+", p) for p in pinned)
