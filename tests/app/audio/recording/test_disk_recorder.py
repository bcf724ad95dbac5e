"""A file that grows while one plays: whole at every moment, after a kill, on a full disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.audio.mixer.mixer import Mixer
from app.audio.recording import growing_wav
from app.audio.recording.disk_recorder import DiskRecorder, DiskTake
from app.audio.recording.growing_wav import FULL_SCALE, HEADER_BYTES, GrowingWav

RATE = 48_000
ROOT = Path(__file__).parents[4]


def noise(frames: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(-1, 1, (frames, 2)).astype(np.float32)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 3000), max_size=8), st.sampled_from([0, 5000, 0xFFFFFFFF]))
def test_the_file_can_be_read_after_every_write(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], largest: int
) -> None:
    """0 bytes for a plain WAV: RF64 from the start; 5000: from some write on."""
    path = tmp_path_factory.mktemp("growing") / "sound.wav"
    wav = GrowingWav(path, RATE, 2, largest)
    whole = np.zeros((0, 2), np.float32)
    for number, frames in enumerate(lengths):
        whole = np.concatenate([whole, noise(frames, number)])
        wav.append(whole[len(whole) - frames :])
        read, rate = soundfile.read(path, dtype="float32", always_2d=True)
        assert rate == RATE and wav.frames == len(read) == len(whole)
        assert np.abs(read - whole).max(initial=0.0) <= 1.0 / FULL_SCALE
    wav.close()
    assert path.stat().st_size == HEADER_BYTES + 6 * len(whole)
    kind = path.read_bytes()[:4]
    assert kind == (b"RIFF" if 72 + 6 * len(whole) <= largest else b"RF64")


def test_beyond_4_gb_the_sizes_are_64_bits_wide(tmp_path: Path) -> None:
    """A file with a hole: its first 5 GB take no room."""
    path = tmp_path / "long.wav"
    wav = GrowingWav(path, RATE)
    wav._data_bytes = 5_000_000_004
    wav.append(noise(100))
    with soundfile.SoundFile(path) as file:
        assert file.frames == 5_000_000_004 // 6 + 100
        file.seek(file.frames - 100)
        assert np.abs(file.read(dtype="float32") - noise(100)).max() < 1e-6
    wav.close()


KILLED = """
import sys, time
from pathlib import Path
import numpy as np
from app.audio.recording.growing_wav import GrowingWav
wav = GrowingWav(Path(sys.argv[1]), 48_000)
for number in range(1_000_000):
    wav.append(np.full((997, 2), (number % 100) / 200, np.float32))
    if number == 50:
        print("ready", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_writer_leaves_a_file_of_whole_blocks(tmp_path: Path) -> None:
    path = tmp_path / "killed.wav"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    read, _ = soundfile.read(path, dtype="float32", always_2d=True)
    assert len(read) >= 51 * 997 and len(read) % 997 == 0
    wanted = np.repeat((np.arange(len(read) // 997) % 100) / 200, 997)
    assert np.abs(read[:, 0] - wanted).max() < 1e-6


# --- the thread ---


class Ended:
    def __init__(self) -> None:
        self.take: DiskTake | None = None
        self.came = threading.Event()

    def __call__(self, take: DiskTake) -> None:
        self.take = take
        self.came.set()

    def wait(self) -> DiskTake:
        assert self.came.wait(60) and self.take is not None
        return self.take


def playing() -> Mixer:
    mixer = Mixer(RATE, capture_s=5.0)
    mixer.load(0, noise(RATE) * np.float32(0.3))
    return mixer


def test_the_file_holds_exactly_what_was_played_between_start_and_stop(tmp_path: Path) -> None:
    mixer, ended = playing(), Ended()
    disk = DiskRecorder(mixer.capture, ended)
    mixer.hit(0)
    mixer.render(5000)
    disk.start(tmp_path / "folder" / "played.wav")
    played = mixer.render(2 * RATE)
    disk.stop()
    mixer.render(5000)
    take = ended.wait()
    assert (take.files, take.lost_s, take.failure) == (
        (tmp_path / "folder" / "played.wav",),
        0.0,
        "",
    )
    read, _ = soundfile.read(take.files[0], dtype="float32")
    assert len(read) == 2 * RATE and np.abs(read - played).max() < 1e-6
    assert take.seconds == disk.seconds == 2.0


def test_another_rate_goes_on_in_another_file(tmp_path: Path) -> None:
    mixer, ended = playing(), Ended()
    disk = DiskRecorder(mixer.capture, ended)
    disk.start(tmp_path / "played.wav")
    mixer.render(4800)
    mixer.set_rate(44_100)
    mixer.render(44_100)
    disk.close()
    take = ended.wait()
    lengths = [
        (soundfile.info(file).frames, soundfile.info(file).samplerate) for file in take.files
    ]
    assert lengths == [(4800, RATE), (44_100, 44_100)] and take.seconds == pytest.approx(1.1)
    assert take.files[1].name == "played (2).wav"


def test_a_disk_that_is_too_slow_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, append = threading.Event(), GrowingWav.append

    def stuck(self: GrowingWav, samples: NDArray[np.float32]) -> None:
        assert free.wait(60)
        append(self, samples)

    monkeypatch.setattr(GrowingWav, "append", stuck)
    mixer, ended = playing(), Ended()
    disk = DiskRecorder(mixer.capture, ended)
    disk.start(tmp_path / "played.wav")
    mixer.render(20 * RATE, 4096)
    disk.stop()
    free.set()
    take = ended.wait()
    assert take.failure == "" and 9.0 < take.lost_s < 16.0
    assert take.seconds + take.lost_s == pytest.approx(20.0)
    assert soundfile.info(take.files[0]).frames == round(take.seconds * RATE)


class FullDisk:
    """A file on a disk with room for so many bytes."""

    def __init__(self, file: object, room: int) -> None:
        self._file, self._room = file, room

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)

    def write(self, data: memoryview) -> int:
        place = self._file.tell()  # type: ignore[attr-defined]
        fits = min(len(data), self._room - place)
        if fits <= 0:
            raise OSError(28, "No space left on device")
        return int(self._file.write(data[:fits]))  # type: ignore[attr-defined]


def test_a_full_disk_keeps_what_fitted_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = HEADER_BYTES + 6 * 10_000 + 5
    made = GrowingWav.__init__

    def small(self: GrowingWav, *arguments: object) -> None:
        made(self, *arguments)  # type: ignore[arg-type]
        self._file = FullDisk(self._file, room)  # type: ignore[assignment]

    monkeypatch.setattr(growing_wav.GrowingWav, "__init__", small)
    mixer, ended = playing(), Ended()
    disk = DiskRecorder(mixer.capture, ended)
    mixer.hit(0)
    disk.start(tmp_path / "played.wav")
    played = mixer.render(RATE)
    take = ended.wait()
    assert take.failure == "the disk is full"
    assert take.seconds == pytest.approx(10_000 / RATE)
    read, _ = soundfile.read(take.files[0], dtype="float32")
    assert len(read) == 10_000 and np.abs(read - played[:10_000]).max() < 1e-6


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = Ended()
    DiskRecorder(playing().capture, ended).start(tmp_path / "file" / "played.wav")
    take = ended.wait()
    assert take.files == () and take.seconds == 0.0 and take.failure != ""
