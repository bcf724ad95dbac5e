"""Audio files, odd ones too: read into clips and written whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.clip import Clip, ClipError
from engine.files.audio import read_clip, write_clip

TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(4_410) / 44_100)).astype(np.float32)


def stereo(rate: int = 44_100) -> Clip:
    return Clip(np.stack([TONE, -TONE], axis=1), rate)


@pytest.mark.parametrize(
    ("subtype", "step"), [("PCM_16", 2**-15), ("PCM_24", 2**-23), ("FLOAT", 0.0)]
)
def test_written_clip_is_read_back(tmp_path: Path, subtype: str, step: float) -> None:
    write_clip(tmp_path / "a.wav", stereo(), subtype)
    clip = read_clip(tmp_path / "a.wav")
    assert clip.rate == 44_100
    np.testing.assert_allclose(clip.samples, stereo().samples, atol=step)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.parametrize(
    ("subtype", "error"), [("PCM_U8", 2**-7), ("PCM_24", 2**-22), ("DOUBLE", 1e-7)]
)
def test_any_depth_is_read(tmp_path: Path, subtype: str, error: float) -> None:
    soundfile.write(tmp_path / "a.wav", TONE, 44_100, subtype)
    np.testing.assert_allclose(read_clip(tmp_path / "a.wav").samples[:, 0], TONE, atol=error)


@pytest.mark.parametrize("rate", [8_000, 192_000])
def test_any_rate_is_read_and_keeps_its_length_at_another(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((rate // 2, 2)), rate)
    clip = read_clip(tmp_path / "a.wav")
    assert (clip.rate, clip.seconds) == (rate, 0.5)
    assert clip.at_rate(44_100).frames == pytest.approx(22_050, abs=1)


def test_mono_is_doubled_and_six_channels_are_mixed_to_two(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "mono.wav", TONE, 44_100, "FLOAT")
    mono = read_clip(tmp_path / "mono.wav")
    assert mono.channels == 1
    np.testing.assert_array_equal(mono.stereo().samples, np.stack([TONE, TONE], axis=1))
    six = np.outer(TONE, [1.0, 0.0, 0.5, 0.0, 0.0, 0.0])
    soundfile.write(tmp_path / "six.wav", six, 44_100, "FLOAT")
    mixed = read_clip(tmp_path / "six.wav").stereo().samples
    np.testing.assert_allclose(mixed, np.stack([TONE / 2, 0 * TONE], axis=1), atol=1e-6)


def test_ten_minutes_are_cut_to_the_longest_that_a_pad_plays(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.zeros(600 * 8_000, np.float32), 8_000, "PCM_U8")
    assert read_clip(tmp_path / "long.wav").seconds == 60.0
    assert read_clip(tmp_path / "long.wav", longest_s=12.0).seconds == 12.0


def test_file_without_frames_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "empty.wav", np.zeros((0, 2)), 44_100)
    with pytest.raises(ClipError, match=r"empty.wav holds no sound: it has no frames"):
        read_clip(tmp_path / "empty.wav")


@pytest.mark.parametrize("content", [b"", b"these are words\n" * 100, b"RIFF\xff\xff\xff\xffWAVE"])
def test_text_renamed_to_wav_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "words.wav").write_bytes(content)
    with pytest.raises(ClipError, match=r"words.wav could not be read as audio"):
        read_clip(tmp_path / "words.wav")


def test_truncated_file_gives_the_frames_it_has(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.wav", stereo(), "PCM_16")
    whole = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(whole[: len(whole) // 2])
    assert 0 < read_clip(tmp_path / "a.wav").frames < 4_410


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ClipError, match="There is no file"):
        read_clip(tmp_path / "nothing.wav")
    with pytest.raises(ClipError, match="is a folder"):
        read_clip(tmp_path)
    with pytest.raises(ClipError, match="could not be written"):
        write_clip(tmp_path / "nowhere" / "a.wav", stereo())


def test_failed_write_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.wav"
    write_clip(path, stereo())
    before = path.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ClipError, match="No space left on device"):
        write_clip(path, Clip(np.zeros((10, 2), np.float32), 44_100))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.wav"]


def test_a_disk_that_is_full_in_mid_file_is_named(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="only POSIX limits the size of a file")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, before[1]))
    try:
        with pytest.raises(ClipError, match=r"could not be written \(File too large\)"):
            write_clip(tmp_path / "a.wav", stereo())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_no_numbers_is_named(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(9, np.nan), 44_100, "FLOAT")
    with pytest.raises(ClipError, match=r"a\.wav could not be used: .* not numbers"):
        read_clip(tmp_path / "a.wav")


def test_written_file_may_be_read_by_whom_the_umask_allows(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.wav", stereo())
    (tmp_path / "b.wav").touch()
    assert (tmp_path / "a.wav").stat().st_mode == (tmp_path / "b.wav").stat().st_mode


def test_peaks_past_full_scale_are_held_at_it_in_whole_number_formats(tmp_path: Path) -> None:
    write_clip(tmp_path / "loud.wav", Clip(3 * stereo().samples, 44_100))
    assert np.abs(read_clip(tmp_path / "loud.wav").samples).max() <= 1.0
