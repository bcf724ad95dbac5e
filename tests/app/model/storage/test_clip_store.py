from __future__ import annotations

import errno
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.model.storage.clip_store import ClipStore, recover, run_folder
from engine.clip import Clip, ClipError
from engine.files.atomic import write_json
from engine.files.audio import read_clip, write_clip
from tests.fakes.app.background import WriterAtOnce
from tests.fakes.app.takes import make_take, same_take
from tests.log_watch import LogWatch

ROOT = Path(__file__).resolve().parents[4]


class Disk:
    """Writes clips until it is full."""

    def __init__(self) -> None:
        self.full = False
        self.seen: list[Path] = []

    def write(self, path: Path, clip: Clip, subtype: str) -> None:
        self.seen.append(path)
        if self.full:
            error = OSError(errno.ENOSPC, "No space left on device")
            raise ClipError(f"{path} could not be written (No space left on device).") from error
        write_clip(path, clip, subtype)


class Scene:
    def __init__(self, folder: Path) -> None:
        self.writer, self.disk = WriterAtOnce(), Disk()
        self.said: list[tuple[str, str]] = []
        self.store = ClipStore(
            folder, self.writer, lambda text, kind: self.said.append((text, kind)), self.disk.write
        )


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "run")


def test_a_kept_take_is_a_wav_with_a_human_name_and_comes_back_sample_for_sample(
    scene: Scene,
) -> None:
    take = make_take()
    assert scene.store.file_for(take) is None
    scene.store.save(take, 3)
    path = scene.store.file_for(take)
    assert path is not None and path.name == "punchy-909-kick_001.wav"
    assert np.array_equal(read_clip(path).samples, take.clip.samples)
    (stored,) = recover(scene.store.folder)
    assert same_take(stored.take, take) and stored.pad == 3 and stored.path == path


def test_every_take_of_one_name_gets_a_file_of_its_own(scene: Scene) -> None:
    takes = [make_take(created=n) for n in range(3)]
    for take in takes:
        scene.store.save(take, 0)
    names = [path.name for take in takes if (path := scene.store.file_for(take))]
    assert names == [f"punchy-909-kick_00{n}.wav" for n in (1, 2, 3)]
    assert [item.take.id for item in recover(scene.store.folder)] == [take.id for take in takes]


def test_a_file_that_is_there_is_never_overwritten(scene: Scene) -> None:
    scene.store.folder.mkdir()
    other = scene.store.folder / "punchy-909-kick_001.wav"
    other.write_text("somebody else's")
    take = make_take()
    scene.store.save(take, 0)
    assert other.read_text() == "somebody else's"
    path = scene.store.file_for(take)
    assert path is not None and path.name == "punchy-909-kick_002.wav"


def test_a_disk_without_links_keeps_takes_too(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    one, two = make_take(), make_take()
    scene.store.save(one, 0)
    scene.store.save(two, 0)
    assert len(recover(scene.store.folder)) == 2


def test_keeping_a_take_twice_writes_it_once(scene: Scene) -> None:
    take = make_take()
    scene.store.save(take, 0)
    scene.store.save(take, 0)
    assert len(list(scene.store.folder.glob("*.wav"))) == 1


def test_on_a_full_disk_takes_stay_in_memory_are_told_once_and_written_when_there_is_room(
    scene: Scene,
) -> None:
    scene.disk.full = True
    takes = [make_take(), make_take()]
    for take in takes:
        scene.store.save(take, 0)
    assert scene.store.unsaved == tuple(takes)
    assert scene.store.file_for(takes[0]) is None
    ((text, kind),) = scene.said
    assert "stays on its pad" in text and "the disk is full" in text and kind == "error"
    scene.disk.full = False
    scene.writer.try_again()
    assert scene.store.unsaved == ()
    assert scene.said[1:] == [("All takes are on disk again.", "info")]
    assert len(recover(scene.store.folder)) == 2


def test_a_folder_that_cannot_be_made_is_said_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    scene = Scene(tmp_path / "data" / "run")
    take = make_take()
    scene.store.save(take, 0)
    assert "a file is where a folder should be" in scene.said[0][0]
    (tmp_path / "data").unlink()
    scene.writer.try_again()
    assert scene.store.is_saved(take)


def test_a_description_that_could_not_be_written_does_not_make_a_second_wav(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.model.storage import clip_store

    real = write_json

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(clip_store, "write_json", full)
    take = make_take()
    scene.store.save(take, 0)
    assert not scene.store.is_saved(take)
    monkeypatch.setattr(clip_store, "write_json", real)
    scene.writer.try_again()
    assert scene.store.is_saved(take)
    assert len(list(scene.store.folder.glob("*.wav"))) == 1


def test_a_file_somebody_removed_is_written_anew(scene: Scene) -> None:
    take = make_take()
    scene.store.save(take, 0)
    path = scene.store.file_for(take)
    assert path is not None
    path.unlink()
    assert scene.store.file_for(take) is None
    again = scene.store.file_for(take)
    assert again is not None and again.is_file()


def test_recovery_passes_over_what_is_damaged(scene: Scene, log_watch: LogWatch) -> None:
    whole, damaged, silent = make_take("a"), make_take("b"), make_take("c")
    for take in (whole, damaged, silent):
        scene.store.save(take, 0)
    (scene.store.folder / "b_001.json").write_text('{"format": "pingpad ta')
    (scene.store.folder / "c_001.wav").unlink()
    for name in ("b_001", "c_001"):
        log_watch.expect(name, 1)
    assert [item.take.id for item in recover(scene.store.folder)] == [whole.id]


def test_takes_whose_names_are_no_letters_are_kept(scene: Scene) -> None:
    take = replace(make_take(), name="🥁🥁")
    scene.store.save(take, 0)
    path = scene.store.file_for(take)
    assert path is not None and path.name == "sound_001.wav"


def test_runs_are_named_by_their_start() -> None:
    first, second = run_folder(Path("takes"), 0.0), run_folder(Path("takes"), 1.0)
    assert first < second and len(first.name) == len("1970-01-01_00-00-00")


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from app.model.storage.clip_store import ClipStore
from app.threads.file_writer import FileWriter
from tests.fakes.app.takes import make_take

writer = FileWriter(lambda done: done())
writer.start()
store = ClipStore(Path({folder!r}), writer, lambda text, kind: None)
kept = []
def on_kept():
    kept.append(1)
    if len(kept) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
store.take_saved.connect(on_kept)
for n in range(10):
    store.save(make_take(created=n), n)
writer.stop()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGKILL")
def test_a_killed_pingpad_has_lost_no_take_that_was_kept(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    code = KILLED.format(root=str(ROOT), folder=str(folder))
    ended = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert ended.returncode == -9
    assert [item.pad for item in recover(folder)] == [0, 1, 2]
