"""What a mouth does and what it becomes: the same notes and hits at the same moments."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
import torch

from engine.corpus.instruments.mouth import MOUTH
from engine.corpus.plans.arranging import Arrangement
from engine.corpus.sources.pairs import PairCorpus, beat, mouth_arrangement, tune
from engine.evaluation.measures.descriptors import onset_times, pitch_track

RATE = 44100
BATCH = PairCorpus(3).batch(0, 32, 3.0)
STEADY = ("brass", "strings", "organ", "lead", "flute")
"""Kinds whose pitch a tracker reads as it is meant."""


def mono(audio: torch.Tensor, seconds: float) -> np.ndarray:
    return audio[:, : round(seconds * RATE)].mean(0).numpy()


def moments(arrangement: Arrangement) -> list[tuple[int, int, float | None]]:
    lines = arrangement.lines
    return sorted((m.step, m.length, line.pitch) for line in lines for m in line.moments)


@pytest.mark.parametrize("draw", [beat, tune])
@pytest.mark.parametrize("seed", range(5))
def test_a_mouth_follows_the_arrangement_note_by_note(draw: object, seed: int) -> None:
    rng = Random(seed)
    plan, arrangement = draw(rng, 4.0)  # type: ignore[operator]
    sung = mouth_arrangement(arrangement, rng)
    assert moments(sung) == moments(arrangement) != []
    assert {line.kind for line in sung.lines} <= set(MOUTH)
    assert (sung.bpm, sung.swing) == (arrangement.bpm, arrangement.swing)
    assert plan.seconds <= 4.0


@pytest.mark.parametrize("seed", range(20))
def test_a_tune_is_one_note_after_the_other_to_its_end(seed: int) -> None:
    plan, arrangement = tune(Random(seed), 3.0)
    found = moments(arrangement)
    ends = [step + length for step, length, _ in found]
    assert [step for step, _, _ in found] == [0, *ends[:-1]]
    assert ends[-1] * 15.0 / arrangement.bpm == pytest.approx(plan.seconds)
    # Its note is not named: the recording brings it.
    assert plan.pitch is None


def test_a_tune_has_its_recording_s_pitch_throughout() -> None:
    shares = []
    for sound, audio, source in zip(BATCH.sounds, BATCH.audio, BATCH.sources, strict=True):
        if sound.kind in STEADY:
            sung, played = (
                pitch_track(mono(each, sound.seconds), RATE) for each in (source, audio)
            )
            count = min(len(sung), len(played))
            off = np.abs(sung[:count] - played[:count])
            shares.append(np.mean(off[~np.isnan(off)] < 0.5))
    assert len(shares) > 3
    assert np.median(shares) > 0.9


def test_a_beat_hits_where_the_mouth_hit() -> None:
    kept = []
    for sound, audio, source in zip(BATCH.sounds, BATCH.audio, BATCH.sources, strict=True):
        if sound.kind == "loop":
            here, there = (onset_times(mono(each, sound.seconds), RATE) for each in (audio, source))
            kept.append(np.mean([np.abs(there - time).min() < 0.02 for time in here]))
    assert len(kept) > 3
    assert np.median(kept) > 0.9


def test_pairs_are_the_same_for_the_same_number_and_fill_their_frames() -> None:
    again = PairCorpus(3).batch(0, 32, 3.0)
    assert again.sounds == BATCH.sounds
    assert torch.equal(again.audio, BATCH.audio) and torch.equal(again.sources, BATCH.sources)
    assert BATCH.audio.shape == BATCH.sources.shape == (32, 2, 3 * RATE)
    assert (BATCH.audio.abs().amax((1, 2)) > 0.8).all()
    assert (BATCH.sources.abs().amax((1, 2)) > 0.8).all()
    assert PairCorpus(4).batch(0, 2, 1.0).sounds != PairCorpus(3).batch(0, 2, 1.0).sounds
