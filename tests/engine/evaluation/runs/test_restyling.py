"""What is left of a recording: shares of pitches and onsets, by sounds that are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engine.api import Recipe
from engine.clip import Clip
from engine.evaluation.measures.descriptors import Samples, onset_times, pitch_track
from engine.evaluation.reports.likeness_table import format_likeness
from engine.evaluation.runs.restyling import (
    STRENGTHS,
    SourceRecording,
    compare_recordings,
    match_onsets,
    measure_likeness,
    render_recordings,
    share_in_tune,
)
from engine.evaluation.runs.sampling import Candidate
from tests.fakes.engine.generator import SoundOfRecipe

RATE = 44_100


def tone(hertz: float, seconds: float = 0.5) -> Samples:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)


def bursts(times: list[float], seconds: float = 2.0) -> Samples:
    sound = np.zeros(round(seconds * RATE))
    noise = np.random.default_rng(0)
    for time in times:
        hit = noise.normal(size=4000) * np.exp(-np.arange(4000) / 800)
        sound[round(time * RATE) :][:4000] += hit
    return sound


def stereo(mono: Samples) -> Clip:
    return Clip(np.repeat(mono[:, None], 2, 1).astype(np.float32) * 0.3, RATE)


class Repeats(SoundOfRecipe):
    """A generator whose sound is its recording, `late_s` later."""

    def __init__(self, late_s: float) -> None:
        self._late = round(late_s * RATE)

    def sound(self, recipe: Recipe, source: Clip | None) -> Clip:
        assert source is not None and recipe.strength in STRENGTHS
        late = np.zeros_like(source.samples)
        late[self._late :] = source.samples[: source.frames - self._late]
        return Clip(late, source.rate)


def test_a_track_follows_a_tune_and_has_gaps_where_nothing_sounds() -> None:
    track = pitch_track(np.concatenate([tone(220), np.zeros(22_050), tone(330)]), RATE)
    assert track[3:17] == pytest.approx(57, abs=0.05)
    assert np.isnan(track[24:40]).all()
    assert track[48:60] == pytest.approx(64.02, abs=0.05)


def test_onsets_are_found_where_they_are() -> None:
    times = [0.3, 0.7, 0.95, 1.5]
    found = onset_times(bursts(times), RATE)
    assert found == pytest.approx(times, abs=0.012)
    assert not len(onset_times(np.zeros(RATE), RATE))


def test_in_tune_is_the_share_of_the_sung_time() -> None:
    sung = np.concatenate([tone(220), tone(330)])
    assert share_in_tune(sung, sung) == 1
    assert share_in_tune(sung, np.concatenate([tone(220), tone(350)])) == pytest.approx(
        0.5, abs=0.08
    )
    assert share_in_tune(sung, np.zeros_like(sung)) == 0
    assert share_in_tune(np.zeros_like(sung), sung) == 0


def test_onsets_match_within_20_ms_and_both_ways_count() -> None:
    first, second = np.array([0.1, 0.5, 1.0]), np.array([0.115, 0.53, 1.0, 1.5])
    assert match_onsets(first, second) == pytest.approx(2 / 3)
    assert match_onsets(second, first) == pytest.approx(2 / 4)
    assert match_onsets(first, np.array([])) == 0


def test_recordings_are_the_same_each_time_and_of_each_kind() -> None:
    first, second = render_recordings(1), render_recordings(1)
    assert [recording.kind for recording in first] == ["hum", "melody", "beatbox loop"]
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one.clip.samples, other.clip.samples)
        assert one.prompt == other.prompt


def test_a_generator_that_gives_the_recording_back_keeps_all_and_a_late_one_no_hits() -> None:
    candidate = [Candidate("it", Path("it"), 2)]
    said: list[str] = []
    same = compare_recordings(candidate, 1, lambda path, device: Repeats(0.0), "cpu", said.append)
    assert [row.strength for row in same] == list(STRENGTHS) and len(said) == len(STRENGTHS)
    for row in same:
        assert (row.hums, row.tunes, row.hits_kept, row.hits_meant) == (1, 1, 1, 1)
        assert row.distance_db < 0.01
    late = compare_recordings(candidate, 1, lambda path, device: Repeats(0.05), "cpu", said.append)
    assert late[0].hits_kept < 0.3 and late[0].distance_db > 1
    assert "100%" in format_likeness(same)


def test_likeness_separates_what_was_kept_from_what_was_added() -> None:
    beat, more = stereo(bursts([0.3, 1.0])), stereo(bursts([0.3, 0.6, 1.0, 1.4]))
    hum = SourceRecording("hum", stereo(tone(220)), "brass")
    tune = SourceRecording("melody", stereo(tone(220)), "lead")
    sources = [hum, tune, SourceRecording("beatbox loop", beat, "loop")]
    row = measure_likeness("it", 0.5, sources, [hum.clip, stereo(tone(250)), more])
    assert (row.hums, row.tunes, row.hits_kept, row.hits_meant) == (1, 0, 1, 0.5)
    assert json.dumps(row.distance_db)
