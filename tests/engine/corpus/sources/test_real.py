"""Real sounds: recordings of several folders, mixed with rendered ones; what is held out."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from engine.corpus.sources.listing import CorpusError
from engine.corpus.sources.real import MixedCorpus, RealCorpus
from engine.corpus.sources.recordings import RecordingCorpus
from engine.corpus.sources.rendered import RenderedCorpus

RATE_HZ = 44_100
INSTRUMENTS = [f"thing {number}" for number in range(40)]


def nothing(_: str) -> None:
    """Show nothing."""


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A folder with one set of 40 instruments of two tones each."""
    folder = tmp_path / "things"
    folder.mkdir()
    rows = []
    for number, name in enumerate(INSTRUMENTS):
        for take in range(2):
            wave = 0.5 * np.sin(np.arange(9_000) * (0.02 + 0.003 * number + 0.001 * take))
            file = f"{number}-{take}.wav"
            soundfile.write(folder / file, wave, RATE_HZ)
            rows.append((file, f"{name}, take {take}"))
    with (folder / "captions.csv").open("w", newline="") as table:
        csv.writer(table).writerows([("file", "caption"), *rows])
    return tmp_path


def test_whole_instruments_are_held_out(sources: Path) -> None:
    train, held = (
        RecordingCorpus([sources / "things"], 1, nothing, split) for split in ("train", "held_out")
    )
    assert not set(train.groups) & set(held.groups)
    assert len(train) + len(held) == 80
    assert 1 <= len(held.groups) <= 12
    assert all(len(entries) == 2 for entries in held.groups.values())


def test_a_batch_is_the_same_each_time(sources: Path) -> None:
    first, again = (RealCorpus(sources, 1, nothing).batch(0, 8, 0.3) for _ in range(2))
    assert torch.equal(first.audio, again.audio) and first.sounds == again.sounds
    assert first.audio.shape == (8, 2, round(0.3 * RATE_HZ))
    assert first.audio.abs().amax((1, 2)).min() > 0.5
    other = RealCorpus(sources, 2, nothing).batch(0, 8, 0.3)
    assert not torch.equal(first.audio, other.audio)


def test_a_recording_that_cannot_be_used_is_named_once_and_left_out(sources: Path) -> None:
    shown: list[str] = []
    for name in (sources / "things").glob("*-0.wav"):
        name.write_bytes(b"no sound")
    (sources / "things" / "0-1.wav").unlink()
    corpus = RealCorpus(sources, 1, shown.append)
    sounds = [sound for number in range(10) for sound in corpus.batch(number, 8, 0.2).sounds]
    assert all("take 1" in sound.caption for sound in sounds)
    assert any("0-1.wav" in line for line in shown)
    assert len(shown) == len(set(shown))


def test_a_note_that_a_caption_names_stays_in_tune(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(30_000) / RATE_HZ)
    for name in ("viola A4 1.wav", "viola A4 2.wav", "oboe A4.wav"):
        soundfile.write(folder / name, wave, RATE_HZ)
    batch = RecordingCorpus([folder], 1, nothing).batch(0, 12, 0.5)
    for audio in batch.audio:
        spectrum = torch.fft.rfft(audio.mean(0)).abs()
        hertz = float(spectrum.argmax()) * RATE_HZ / audio.shape[-1]
        assert hertz == pytest.approx(440, rel=0.02)


def test_a_share_of_the_batches_is_real(sources: Path) -> None:
    real = RealCorpus(sources, 1, nothing)
    mixed = MixedCorpus(RenderedCorpus(1, families=("snap",)), real, 0.5)
    families = [mixed.batch(number, 2, 0.5).sounds[0].family for number in range(24)]
    assert 5 < families.count("real") < 19
    assert set(families) == {"real", "drum"}


def test_a_folder_without_sources_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="fetch"):
        RealCorpus(tmp_path / "none", 1, nothing)
    with pytest.raises(CorpusError, match="no soundfont"):
        RealCorpus(tmp_path, 1, nothing)
