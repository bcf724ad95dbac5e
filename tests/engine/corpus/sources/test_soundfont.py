"""Soundfonts as a corpus: what the file lists, what is held out, and that captions are true."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.corpus.sources.general_midi import DRUMS, PROGRAMS, kit_name
from engine.corpus.sources.listing import CorpusError
from engine.corpus.sources.soundfont import SoundfontCorpus
from engine.corpus.sources.soundfont_file import read_presets
from engine.evaluation.measures.descriptors import estimate_pitch
from tests.fakes.engine.soundfont import write_soundfont

renders = pytest.mark.skipif(
    not __import__("importlib.util").util.find_spec("tinysoundfont"),
    reason="tinysoundfont renders soundfonts, and is not here",
)


@pytest.fixture
def font(tmp_path: Path) -> Path:
    path = tmp_path / "tones.sf2"
    write_soundfont(path)
    return path


def test_general_midi_names_each_program_and_drum_once() -> None:
    assert len(PROGRAMS) == len(set(PROGRAMS)) == 128
    assert (PROGRAMS[0], PROGRAMS[13], PROGRAMS[127]) == (
        "acoustic grand piano",
        "xylophone",
        "gunshot",
    )
    assert (min(DRUMS), max(DRUMS)) == (35, 81)
    assert (DRUMS[38], DRUMS[42], DRUMS[81]) == ("snare", "closed hi-hat", "open triangle")
    assert (kit_name(0), kit_name(25)) == ("", "808")


def test_presets_and_their_keys_are_those_of_the_file(font: Path) -> None:
    presets = read_presets(font)
    assert [(p.bank, p.program) for p in presets[:3]] == [(0, 0), (0, 1), (0, 2)]
    assert presets[5].name == "Tone 5" and presets[5].keys == tuple(range(48, 73))
    assert [(p.name, p.program) for p in presets if p.is_kit] == [("Kit", 0), ("Power kit", 16)]
    assert presets[-1].keys == tuple(range(35, 51))


@pytest.mark.parametrize("content", [b"", b"RIFF\0\0\0\0WAVE", b"RIFF\4\0\0\0sfbk"])
def test_what_is_no_soundfont_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.sf2"
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=r"broken\.sf2"):
        read_presets(path)


def test_no_instrument_and_no_kit_is_on_both_sides(font: Path) -> None:
    train, held = (SoundfontCorpus(font, 1, split) for split in ("train", "held_out"))
    programs = [{p.program for p in corpus.programs} for corpus in (train, held)]
    assert not programs[0] & programs[1]
    assert len(programs[0] | programs[1]) == 128 and 5 < len(programs[1]) < 25
    kits = [{p.program for p, _ in corpus.drums} for corpus in (train, held)]
    assert kits == [{0}, {16}]


def test_a_font_without_kits_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "few.sf2"
    write_soundfont(path, range(1))
    held = {p.program for p in SoundfontCorpus(path, 1).programs}
    assert held == {0}
    with pytest.raises(CorpusError, match="no General MIDI instruments"):
        SoundfontCorpus(path, 1, "held_out")


@renders
def test_a_batch_is_the_same_each_time_and_never_silent(font: Path) -> None:
    first, again = (SoundfontCorpus(font, 1).batch(3, 12, 0.6) for _ in range(2))
    assert torch.equal(first.audio, again.audio)
    assert first.sounds == again.sounds
    assert first.audio.shape == (12, 2, round(0.6 * 44_100))
    peaks = first.audio.abs().amax((1, 2))
    torch.testing.assert_close(peaks, torch.full((12,), 0.9))
    for audio, sound in zip(first.audio, first.sounds, strict=True):
        assert not audio[:, round(sound.seconds * 44_100) :].any()


@renders
def test_a_single_note_has_the_pitch_that_its_caption_names(font: Path) -> None:
    batch = SoundfontCorpus(font, 1).batch(0, 60, 0.6)
    notes = [
        (audio, sound)
        for audio, sound in zip(batch.audio, batch.sounds, strict=True)
        if sound.pitch is not None and sound.seconds > 0.3
    ]
    assert len(notes) > 10
    errors = []
    for audio, sound in notes:
        assert sound.pitch is not None
        found = estimate_pitch(audio.mean(0).double().numpy(), 44_100)
        errors.append(99.0 if found is None else abs(found - sound.pitch))
    # The sine of the font stands for A4 at 441 Hz; some notes are driven or filtered away.
    assert float(np.median(errors)) < 0.1
