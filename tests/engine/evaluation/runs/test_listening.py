"""The listening page: what it plays, that nothing was picked, and that it needs nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.api import EngineError
from engine.clip import Clip
from engine.evaluation.measures.prompt_claims import parse_claims
from engine.evaluation.references.examples import Example, stack_clips
from engine.evaluation.reports.listening_page import PageInfo, write_listening
from engine.evaluation.runs import listening
from engine.evaluation.runs.listening import (
    STRENGTHS,
    Chapter,
    ListeningRow,
    Tile,
    describe_likeness,
    list_held_out_trials,
    make_chapters,
    match_generated,
    parse_method,
)
from engine.evaluation.runs.restyling import SourceRecording
from engine.sound.loudness import LEVEL_LUFS, loudness
from tests.fakes.engine.generator import load_generator

ABOUT = PageInfo("2026-11-21", "a <small> machine", "python main.py listen")


def silent(text: str) -> None:
    """Shows nothing."""


def tone(hertz: float, seconds: float = 0.3) -> Clip:
    wave = 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(44_100 * seconds)) / 44_100)
    return Clip(np.stack([wave, wave], axis=1).astype(np.float32), 44_100)


def page_of(*hertz: float) -> tuple[Chapter, ...]:
    first, *others = (Tile(f"{value:g} Hz", tone(value)) for value in hertz)
    reference = Tile(first.label, first.clip, "as it was", is_reference=True)
    row = ListeningRow('"kick" & <snare>', "0.30 s, seed 1", 0.3, (reference, *others))
    return (Chapter("Tones", "Only tones.", (row,)),)


@pytest.fixture(scope="module")
def found() -> tuple[Chapter, ...]:
    methods = [parse_method(text, Path) for text in ("fake@3", "By ear=fake")]
    return make_chapters(methods, load_generator, "cpu", silent, quick=True)


def test_methods_may_be_given_a_name() -> None:
    method = parse_method("ARC=runs/arc@4", Path)
    assert method.name == "ARC"
    assert (method.candidate.folder, method.candidate.steps) == (Path("runs/arc"), 4)
    assert parse_method("embedded@8", Path).name == ""
    with pytest.raises(EngineError, match="Steps must be"):
        parse_method("ARC=arc@0", Path)


def test_every_method_answers_every_prompt_and_the_first_the_rest(
    found: tuple[Chapter, ...],
) -> None:
    held, typed, restyled, varied = found
    methods = ["3 steps", "By ear"]
    assert [tile.label for tile in held.rows[0].tiles] == ["real, rendered", *methods]
    assert [tile.label for tile in typed.rows[0].tiles] == methods
    strengths = [f"strength {strength:g}" for strength in STRENGTHS]
    assert [tile.label for tile in restyled.rows[0].tiles] == ["the recording", *strengths]
    assert [tile.label for tile in varied.rows[0].tiles] == [f"seed {n}" for n in range(1, 9)]
    assert "fake, 3 steps" in restyled.text and "fake, 3 steps" in varied.text


def test_a_varied_prompt_has_another_seed_each_time(found: tuple[Chapter, ...]) -> None:
    # The double's sounds begin with their seed.
    begun = [tile.clip.samples[0, 0] for tile in found[-1].rows[0].tiles]
    assert begun == list(range(1, 9))


def test_captions_are_the_first_of_their_family_and_of_different_kinds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prompts = ["kick", "bass", "soft kick", "snare", "rain", "clap", "tom", "ride", "hum", "beat"]
    examples = [
        Example(prompt, 1.0, seed, parse_claims(prompt), tone(220))
        for seed, prompt in enumerate([*prompts, "drum loop"])
    ]
    monkeypatch.setattr(listening, "render_held_out_examples", lambda count, show: examples[:count])
    found = [trial.spec.prompt for trial in list_held_out_trials(11, silent)]
    # Four drums, not the second kick nor the fifth; no voices; loops are all of one kind.
    assert found == ["kick", "snare", "clap", "tom", "bass", "rain", "beat", "drum loop"]
    # Searching less only leaves out: nothing is chosen anew.
    fewer = [trial.spec.prompt for trial in list_held_out_trials(4, silent)]
    assert fewer == ["kick", "snare", "bass"]


def test_a_real_sound_is_as_loud_as_made_ones() -> None:
    loud, soft = tone(1000), tone(1000)
    soft = Clip(soft.samples * np.float32(0.1), soft.rate)
    levels = [float(np.abs(match_generated(clip).samples).max()) for clip in (loud, soft)]
    assert levels[0] == pytest.approx(levels[1], rel=1e-3)
    assert loudness(stack_clips([match_generated(soft)]), 44_100).item() == pytest.approx(
        LEVEL_LUFS, abs=0.1
    )


def test_likeness_of_a_hum_and_of_a_beat() -> None:
    hum = SourceRecording("hum", tone(220, 1.0), "brass")
    assert describe_likeness(hum, tone(220, 1.0)) == "in tune 100%"
    assert describe_likeness(hum, tone(330, 1.0)) == "in tune 0%"
    clicks = np.zeros((44_100, 2), np.float32)
    clicks[[8_000, 20_000, 32_000]] = 0.9
    beat = SourceRecording("beatbox loop", Clip(clicks, 44_100), "808 drum loop")
    assert describe_likeness(beat, Clip(clicks.copy(), 44_100)) == "hits 100%"
    late = Clip(np.roll(clicks, 4_000, axis=0), 44_100)
    assert describe_likeness(beat, late) == "hits 0%"


def test_the_page_names_only_files_beside_it_and_every_one_plays(tmp_path: Path) -> None:
    page = write_listening(page_of(220, 440), ABOUT, tmp_path / "new" / "listening")
    text = page.read_text(encoding="utf-8")
    named = re.findall(r'(?:href|src)="([^"#]+)"', text)
    assert len(named) == 4 and len(list((page.parent / "sounds").iterdir())) == 4
    assert all((page.parent / name).is_file() for name in named)
    assert "http" not in text
    opus = soundfile.info(page.parent / named[0])
    assert (opus.subtype, opus.channels) == ("OPUS", 2)
    assert opus.duration == pytest.approx(0.3, abs=0.01)


def test_what_a_prompt_holds_is_text_and_no_markup(tmp_path: Path) -> None:
    text = write_listening(page_of(220), ABOUT, tmp_path).read_text(encoding="utf-8")
    assert "<snare>" not in text and "<small>" not in text
    assert "&#34;kick&#34; &amp; &lt;snare&gt;: 220 Hz" in text


def test_a_new_page_leaves_nothing_of_the_one_before_and_all_else(tmp_path: Path) -> None:
    write_listening(page_of(220, 440, 880), ABOUT, tmp_path)
    (tmp_path / "sounds" / "mine.opus").write_text("mine")
    write_listening(page_of(220), ABOUT, tmp_path)
    left = sorted(path.name for path in (tmp_path / "sounds").iterdir())
    assert left == ["1-01-1.opus", "1-01-1.png", "mine.opus"]


def test_a_page_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match="name another one with --out"):
        write_listening(page_of(220), ABOUT, tmp_path / "file" / "listening")
