"""The gates judge what goes through: nothing lost is nothing found, and a loss is found."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from engine.evaluation.references.gate_sounds import WEAK_KINDS, GateSounds, gate_sounds
from engine.evaluation.runs.codec_gates import (
    find_note_detector,
    gate_line,
    measure_codec,
    through_codec,
)
from tests.fakes.engine.tiny_model import tiny_codec


@pytest.fixture(scope="module")
def sounds() -> GateSounds:
    """Few of each sort; likeness is told among three kinds alone."""
    return gate_sounds(2, None, lambda _: None, WEAK_KINDS[:3])


def test_what_goes_through_unchanged_loses_nothing(sounds: GateSounds) -> None:
    found = measure_codec("real", lambda audio: audio, sounds)
    assert found.whole == 1 and found.drum_log_mel == 0 and found.mid_frame_ms == 0
    assert found.rendered.log_mel_db == 0
    assert found.recorded is None and found.heard is None
    assert set(found.alike_by_kind) == set(WEAK_KINDS)
    assert gate_line(found).startswith("real: chords 100% alike")


def test_silence_loses_everything(sounds: GateSounds) -> None:
    def faint(audio: Tensor) -> Tensor:
        return 1e-3 * torch.randn(audio.shape, generator=torch.Generator().manual_seed(0))

    found = measure_codec("faint", faint, sounds)
    assert found.whole == 0 and found.drum_log_mel > 3 and found.rendered.log_mel_db > 3


def test_a_codec_is_judged_with_and_without_noise_and_the_same_each_time(
    sounds: GateSounds,
) -> None:
    codec, sound = tiny_codec(), sounds.drums[0].audio
    clean, noised, again = (through_codec(codec, level)(sound) for level in (0.0, 0.3, 0.3))
    assert clean.shape == sound.shape
    assert torch.equal(noised, again) and not torch.equal(noised, clean)


def test_a_note_detector_that_is_not_here_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert find_note_detector(shown.append) is None
    assert "basic-pitch is not here" in shown[0]
