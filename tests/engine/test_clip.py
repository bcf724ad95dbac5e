"""Clips: what cannot be played is refused, what is made stays as it is."""

from __future__ import annotations

import numpy as np
import pytest

from engine.clip import Clip, ClipError


@pytest.mark.parametrize(
    ("samples", "rate", "said"),
    [
        (np.zeros((0, 2), np.float32), 44_100, "no frames"),
        (np.zeros((4, 0), np.float32), 44_100, "no frames"),
        (np.zeros(4, np.float32), 44_100, "must be float32"),
        (np.zeros((4, 2)), 44_100, "must be float32"),
        (np.full((4, 2), np.inf, np.float32), 44_100, "not numbers"),
        (np.zeros((4, 2), np.float32), 0, "4000..400000 Hz, got 0"),
    ],
)
def test_clip_refuses_what_cannot_be_played(samples: np.ndarray, rate: int, said: str) -> None:
    with pytest.raises(ClipError, match=said):
        Clip(samples, rate)


def test_clip_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        Clip(np.zeros((4, 2), np.float32), 44_100).samples[0, 0] = 1.0


def test_a_clip_is_cut_to_its_first_seconds_and_a_shorter_one_is_itself() -> None:
    clip = Clip((np.arange(8).reshape(8, 1) / 8).astype(np.float32), 4_000)
    cut = clip.cut(0.001)
    assert cut.rate == 4_000 and np.array_equal(cut.samples, clip.samples[:4])
    assert clip.cut(0.002) is clip
