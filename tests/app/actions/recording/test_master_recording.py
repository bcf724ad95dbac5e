from __future__ import annotations

from pathlib import Path

import pytest

from app.actions.recording.master_recording import MasterRecording, format_length
from app.audio.recording.disk_recorder import DiskTake
from app.model.session import Session
from tests.fakes.app.sound import DiskFile


class Room:
    def __init__(self, folder: Path) -> None:
        self.session, self.disk = Session(), DiskFile(2.5)
        self.perform = MasterRecording(self.session, self.disk, folder, lambda: 1_000_000.0)
        self.said: list[tuple[str, str]] = []
        self.session.notice.connect(lambda notice: self.said.append((notice.text, notice.kind)))


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_one_button_starts_and_ends_a_file_of_its_own(room: Room) -> None:
    room.perform.toggle()
    (path,) = room.disk.paths
    assert room.session.master_recording and room.perform.seconds == 2.5
    assert path.name.startswith("Performance 1970-01-1") and path.suffix == ".wav"
    path.touch()
    room.perform.toggle()
    assert room.disk.stopped == 1
    room.perform.on_ended(DiskTake((path,), 185.0, 0.0, ""))
    assert not room.session.master_recording and room.perform.seconds == 0.0
    assert room.said == [(f"Saved 3:05 to {path.name}.", "info")]
    room.perform.toggle()
    assert room.disk.paths[1] != path


@pytest.mark.parametrize(
    ("take", "text", "kind"),
    [
        (
            DiskTake((Path("a.wav"),), 3723.0, 0.0, "the disk is full"),
            "The recording ended: the disk is full. Saved 1:02:03 to a.wav.",
            "error",
        ),
        (
            DiskTake((), 0.0, 0.0, "the disk is read-only"),
            "Nothing was recorded: the disk is read-only.",
            "error",
        ),
        (
            DiskTake((Path("a.wav"), Path("a (2).wav")), 61.0, 1.25, ""),
            "Saved 1:01 to a.wav and a (2).wav; the disk was too slow, 1.2 s are missing.",
            "warning",
        ),
    ],
)
def test_what_is_on_disk_and_why_is_said(room: Room, take: DiskTake, text: str, kind: str) -> None:
    room.perform.toggle()
    room.perform.on_ended(take)
    assert room.said == [(text, kind)]


def test_lengths_are_read_like_a_clock() -> None:
    assert [format_length(s) for s in (0.0, 59.6, 3599.0, 36_061.0)] == [
        "0:00",
        "1:00",
        "59:59",
        "10:01:01",
    ]
