"""What loops promise: onsets on the grid, whole bars, and the key they name."""

import pytest
import torch
from torch import Tensor

from engine.corpus.captions.captions import Plan
from engine.corpus.captions.lexicon import lexicon
from engine.corpus.plans.arranging import SCALES, arrange
from engine.corpus.plans.grooves import STEPS, grooves, seconds_at
from engine.corpus.sources.rendered import RenderedCorpus, render

RATE = 44100


def loop(style: str, form: str, number: int = 1, bpm: float = 120.0, bars: int = 2) -> Plan:
    kind = lexicon().kinds["loop"]
    return Plan(
        kind=kind,
        variant=next(each for each in kind.variants if each.key == style),
        form=next(each for each in kind.forms if each.key == form),
        seconds=bars * 240 / bpm,
        pitch=None,
        values=(0.5, 0.5, 0.0, 0.0),
        bpm=bpm,
        bars=bars,
        tonic=None if form == "drums" else 9,
        mode="" if form == "drums" else "minor",
        number=number,
    )


def top_octaves(audio: Tensor) -> Tensor:
    """The power above 7 kHz of (2, T), frame by frame."""
    length = 1 << 19
    bins = torch.fft.rfft(audio.mean(0), n=length)
    bins[: round(7000 * length / RATE)] = 0
    return torch.fft.irfft(bins, n=length)[: audio.shape[-1]].square()


def rise(power: Tensor, at: float) -> float:
    """How much louder the 4 ms from `at` are than those before (ratio)."""
    start, width = round(at * RATE), round(0.004 * RATE)
    margin = round(0.0005 * RATE)  # a brick wall at 7 kHz rings a little ahead
    before = power[start - margin - width : start - margin].mean()
    return float(power[start : start + width].mean() / before)


def test_every_style_has_a_groove() -> None:
    styles = {variant.key for variant in lexicon().kinds["loop"].variants}
    assert styles <= set(grooves())
    for style, groove in grooves().items():
        patterns = [*groove.bass, *groove.chords, *sum(groove.layers.values(), ())]
        assert all(len(pattern) in (STEPS, 2 * STEPS) for pattern in patterns), style


@pytest.mark.parametrize("style", ["house", "hip-hop", "latin funk", "garage"])
def test_loop_onsets_fall_on_the_grid(style: str) -> None:
    plan = loop(style, "drums", bpm=97.0)
    arrangement = arrange(plan)
    audio = render([plan], round(plan.seconds * RATE), RATE, torch.Generator().manual_seed(1))[0]
    hats = next(line for line in arrangement.lines if line.kind == "closed hat")
    moments = [moment for moment in hats.moments if moment.step]
    assert len(moments) >= 7
    power = top_octaves(audio)
    for moment in moments:
        at = seconds_at(moment.step, 97.0, arrangement.swing)
        assert rise(power, at) > 4, moment
        assert rise(power, at + 0.011) < 4 and rise(power, at - 0.011) < 4, moment


def test_a_step_is_a_quarter_of_a_beat_and_swing_delays_every_second_one() -> None:
    assert seconds_at(4, 120.0, 0.3) == pytest.approx(0.5)
    assert seconds_at(16, 90.0, 0.0) == pytest.approx(60 / 90 * 4)
    assert seconds_at(1, 120.0, 0.2) == pytest.approx(0.125 * 1.2)


def test_loops_are_whole_bars_long() -> None:
    loops = RenderedCorpus(0, families=("loop",)).sounds(0, 400, 12.0)
    for sound in loops:
        assert sound.bpm is not None and 60 <= sound.bpm <= 180
        bars = sound.seconds * sound.bpm / 240
        assert bars == pytest.approx(round(bars)) and round(bars) in (1, 2, 4)
        assert sound.seconds <= 12.0


@pytest.mark.parametrize("number", range(12))
def test_bass_and_chords_stay_in_the_key(number: int) -> None:
    plan = loop("funk", "full", number)
    tuned = [line for line in arrange(plan).lines if line.pitch is not None]
    assert tuned
    for line in tuned:
        assert line.pitch is not None
        assert (int(line.pitch) - 9) % 12 in SCALES["minor"]


@pytest.mark.parametrize("form", ["drums", "bass", "chords", "full"])
def test_a_loop_starts_at_once(form: str) -> None:
    for style in grooves():
        if style != "beatbox":
            lines = arrange(loop(style, form, 3)).lines
            assert min(moment.step for line in lines for moment in line.moments) == 0, style


def test_asked_for_phrases_can_be_captions() -> None:
    names = {name for kind in lexicon().kinds.values() for name in kind.names}
    for kind in lexicon().kinds.values():
        for part in (*kind.variants, *kind.forms):
            names |= {*part.names, *part.adjectives}
    wanted = {"fire crackling", "water", "sports car passing by", "latin funk", "drumset", "kick"}
    assert wanted <= names
