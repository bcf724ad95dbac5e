from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.model.peaks import peaks
from engine.clip import Clip


def mono(*values: float) -> Clip:
    return Clip(np.array(values, np.float32)[:, None], 48_000)


def test_each_column_holds_its_lowest_and_highest_value() -> None:
    clip = mono(0, 1, -1, 0.5, 0.25, 0.125)
    assert peaks(clip, 3).tolist() == [[0, 1], [-1, 0.5], [0.125, 0.25]]


def test_more_columns_than_frames_repeat_frames() -> None:
    assert peaks(mono(0.5, -0.5), 4)[:, 0].tolist() == [0.5, 0.5, -0.5, -0.5]


def test_stereo_is_mixed_to_mono() -> None:
    clip = Clip(np.array([[1.0, 0.0], [1.0, -1.0]], np.float32), 48_000)
    assert peaks(clip, 2).tolist() == [[0.5, 0.5], [0.0, 0.0]]


def test_no_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="got 0"):
        peaks(mono(0.0), 0)


@given(st.integers(1, 400), st.integers(1, 90), st.integers(0, 2**32 - 1))
def test_no_peak_is_missed(frames: int, columns: int, seed: int) -> None:
    values = np.random.default_rng(seed).uniform(-1, 1, (frames, 1)).astype(np.float32)
    found = peaks(Clip(values, 48_000), columns)
    assert found.shape == (columns, 2)
    assert found[:, 1].max() == values.max() and found[:, 0].min() == values.min()
