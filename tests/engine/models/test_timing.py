"""Timing: what a token is told of its place in the beat and in the asked length."""

from __future__ import annotations

import torch

from engine.models.timing import BEATS, TIMING_FEATURES, timing_features

BEAT = BEATS.index(1.0)
"""Place of the sine of one beat among the features; its cosine lies len(BEATS) further."""


def test_features_come_round_with_every_beat() -> None:
    # At 8 tokens a second and 120 beats a minute a beat has 4 tokens.
    features = timing_features(16, 8.0, torch.tensor([2.0]), torch.tensor([120.0]))
    assert features.shape == (1, 16, TIMING_FEATURES)
    for place in (BEAT, BEAT + len(BEATS)):
        beat = features[0, :, place]
        assert torch.allclose(beat[:12], beat[4:], atol=1e-5)
        assert not torch.allclose(beat[:12], beat[2:14], atol=0.1)


def test_another_tempo_comes_round_at_another_time() -> None:
    tempos = torch.tensor([120.0, 60.0])
    fast, slow = timing_features(16, 8.0, torch.tensor([2.0, 2.0]), tempos)[..., BEAT]
    assert torch.allclose(slow[:8], slow[8:], atol=1e-5)
    assert not torch.allclose(slow[:12], fast[:12], atol=0.1)


def test_without_a_tempo_no_beat_is_told() -> None:
    features = timing_features(16, 8.0, torch.tensor([2.0]), torch.tensor([0.0]))
    assert not features[..., : 2 * len(BEATS) + 1].any()


def test_tokens_past_the_asked_length_are_marked() -> None:
    features = timing_features(16, 8.0, torch.tensor([1.0]), torch.tensor([0.0]))
    assert features[0, :, -1].tolist() == [0.0] * 8 + [1.0] * 8


def test_a_length_of_nothing_gives_finite_features() -> None:
    features = timing_features(4, 8.0, torch.tensor([0.0]), torch.tensor([1e9]))
    assert torch.isfinite(features).all()
