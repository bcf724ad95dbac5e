"""Frames of the embedder: 20 ms apart, even in level, silence is nought."""

from __future__ import annotations

import torch

from engine.sound.mel import (
    FRAME_SIZE,
    HOP,
    LONG,
    TONE_BANDS,
    frames_in,
    mel_bands,
    mel_frames,
)


def tone(hertz: float, frames: int = 20) -> torch.Tensor:
    time = torch.arange(frames * HOP) / 44_100
    return (0.3 * torch.sin(2 * torch.pi * hertz * time)).expand(1, 2, -1)


def test_frames_cover_the_sound() -> None:
    beyond = 6 * HOP - LONG // 2  # the window hears the end of so many samples until frame 6
    assert [frames_in(samples) for samples in (1, beyond, beyond + 1)] == [3, 6, 7]
    assert mel_frames(torch.zeros(3, 2, beyond)).shape == (3, 6, FRAME_SIZE)


def test_bands_sum_to_one_and_reach_a_bin_each() -> None:
    bands = mel_bands(TONE_BANDS, LONG)
    torch.testing.assert_close(bands.sum(1), torch.ones(TONE_BANDS))


def test_a_higher_tone_lies_in_a_higher_band() -> None:
    low, high = (mel_frames(tone(hertz))[0, 10, :TONE_BANDS].argmax() for hertz in (220, 880))
    assert high > low


def test_level_makes_no_difference_and_silence_is_nought() -> None:
    loud = mel_frames(tone(440))
    torch.testing.assert_close(mel_frames(tone(440) * 0.1), loud, atol=1e-4, rtol=0)
    assert loud.max() == 1 and loud.min() >= 0
    assert not mel_frames(torch.zeros(1, 2, 5000)).any()


def test_one_side_alone_is_told_from_both() -> None:
    both, left = tone(440), tone(440).clone()
    left[:, 1] = 0
    assert not mel_frames(both)[..., -32:].any()
    assert mel_frames(left)[..., -32:].max() > 0.5
