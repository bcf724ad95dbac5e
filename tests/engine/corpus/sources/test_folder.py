"""A player's own sounds as a corpus: what is used, how it is cut, and what is said of the rest."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.corpus.sources.folder import FolderCorpus, own_corpus
from engine.corpus.sources.listing import CorpusError, list_folder
from tests.fakes.engine.own_sounds import RATE_HZ, put, tone

ROOT = Path(__file__).parents[4]


def corpus_of(folder: Path, seed: int = 0) -> tuple[FolderCorpus, list[str]]:
    said: list[str] = []
    return FolderCorpus(list_folder(folder), seed, said.append), said


def test_sounds_come_as_stereo_at_44100_hz_padded_and_at_one_level(tmp_path: Path) -> None:
    put(tmp_path / "soft mono.wav", tone(441, 0.25) * 0.01)
    put(tmp_path / "low rate.flac", tone(441, 0.25, 8_000), 8_000)
    put(tmp_path / "high rate.wav", tone(441, 0.25, 96_000), 96_000)
    put(tmp_path / "six channels.wav", np.repeat(tone(441, 0.25)[:, None], 6, axis=1))
    batch = corpus_of(tmp_path)[0].batch(0, 4, 0.4)
    assert batch.audio.shape == (4, 2, round(0.4 * RATE_HZ))
    assert batch.audio.dtype == torch.float32
    assert batch.audio.abs().amax((1, 2)).tolist() == pytest.approx([0.9] * 4)
    for audio, sound in zip(batch.audio, batch.sounds, strict=True):
        assert sound.seconds == pytest.approx(0.25, abs=1e-3)
        assert not audio[:, round(sound.seconds * RATE_HZ) :].any()
        pitch = audio[0, : RATE_HZ // 5].double()
        strongest = torch.fft.rfft(pitch).abs().argmax().item() * 5
        assert strongest == pytest.approx(441, abs=5)
        assert math.isnan(sound.brightness) and sound.pitch is None


def test_the_same_seed_gives_the_same_sounds_and_each_comes_before_any_comes_again(
    tmp_path: Path,
) -> None:
    for name in ("one", "two", "three", "four", "five"):
        put(tmp_path / f"{name}.wav")
    corpus = corpus_of(tmp_path, seed=3)[0]
    whole = corpus.batch(0, 5, 0.2)
    assert {sound.caption for sound in whole.sounds} == {"one", "two", "three", "four", "five"}
    assert len(corpus) == 5
    second = corpus.batch(5, 5, 0.2)
    assert {sound.caption for sound in second.sounds} == {sound.caption for sound in whole.sounds}
    again = corpus_of(tmp_path, seed=3)[0].batch(0, 5, 0.2)
    assert [s.caption for s in again.sounds] == [s.caption for s in whole.sounds]
    assert torch.equal(again.audio, whole.audio)
    parts = [corpus.batch(first, 1, 0.2).audio for first in range(5)]
    assert torch.equal(torch.cat(parts), whole.audio)


def test_a_long_sound_is_heard_from_its_beginning_and_later_from_anywhere(tmp_path: Path) -> None:
    rising = np.linspace(0.1, 1.0, 2 * RATE_HZ).astype(np.float32)
    put(tmp_path / "rising.wav", rising * np.sign(tone(100, 2.0)))
    corpus = corpus_of(tmp_path)[0]
    first, *later = (corpus.batch(number, 1, 0.2).audio[0, 0].abs() for number in range(6))
    assert first[0] < 0.9 * first[-400]
    steepness = {round(float(part[300] / part.max()), 3) for part in (first, *later)}
    assert len(steepness) == 6
    assert all(part[-1] < 0.01 for part in (first, *later))
    assert all(part[0] < 0.01 for part in later)


def test_a_silent_stretch_is_not_chosen(tmp_path: Path) -> None:
    late = np.concatenate([np.zeros(RATE_HZ, np.float32), tone(440, 0.1)])
    put(tmp_path / "late.wav", late)
    assert corpus_of(tmp_path)[0].batch(0, 1, 0.2).audio.abs().max().item() == pytest.approx(0.9)


def test_unusable_sounds_are_left_out_and_named(tmp_path: Path) -> None:
    put(tmp_path / "good kick.wav")
    put(tmp_path / "silent pad.wav", np.zeros(RATE_HZ, np.float32))
    put(tmp_path / "blip.wav", np.ones(1, np.float32))
    put(tmp_path / "nothing.wav", np.zeros(0, np.float32))
    (tmp_path / "words.wav").write_text("this is no sound")
    whole = put(tmp_path / "whole.flac").read_bytes()
    (tmp_path / "half.flac").write_bytes(whole[:60])
    broken = tone(440, 0.2)
    broken[7] = math.nan
    import soundfile

    soundfile.write(tmp_path / "broken.wav", broken, RATE_HZ, "FLOAT")
    corpus, said = corpus_of(tmp_path)
    assert {entry.name for entry in corpus.entries} == {"good kick.wav", "whole.flac"}
    text = "\n".join(said)
    assert "left out: silent pad.wav: it is silent" in text
    assert "left out: blip.wav: it is too short to hear: 1 samples" in text
    assert "left out: nothing.wav: it is too short to hear: 0 samples" in text
    assert "left out: words.wav: it could not be read as audio" in text
    assert "left out: half.flac: it" in text
    assert "left out: broken.wav: the sound holds values that are not numbers" in text


def test_no_usable_sound_is_an_error(tmp_path: Path) -> None:
    put(tmp_path / "a.wav", np.zeros(RATE_HZ, np.float32))
    with pytest.raises(CorpusError, match=r"No sound can be used; .* a\.wav: it is silent"):
        corpus_of(tmp_path)
    with pytest.raises(CorpusError, match="There is no folder"):
        own_corpus(str(tmp_path / "nowhere"), "", 0, print)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match="holds no sounds"):
        own_corpus(str(tmp_path / "empty"), "", 0, print)


def test_a_sound_that_vanishes_while_it_is_used_is_named(tmp_path: Path) -> None:
    path = put(tmp_path / "kick.wav")
    corpus = corpus_of(tmp_path)[0]
    path.unlink()
    with pytest.raises(CorpusError, match=r"kick\.wav changed while it was read"):
        corpus.batch(0, 1, 0.2)


def test_checking_many_sounds_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.corpus.sources import folder

    monkeypatch.setattr(folder, "PROGRESS_EVERY", 2)
    for name in ("one", "two", "three"):
        put(tmp_path / f"{name}.wav")
    assert corpus_of(tmp_path)[1] == ["checked 2 of 3 sounds"]


def test_a_machine_without_soundfile_can_still_render() -> None:
    code = (
        "import sys; sys.modules['soundfile'] = None\n"
        "from engine.training.pool import RenderedCorpus\n"
        "import engine.training.train\n"
        "assert len(RenderedCorpus(0).sounds(0, 2, 1.0)) == 2\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
