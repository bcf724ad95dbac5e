from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.model.kit import PADS, KitRecord, PadRecord
from app.model.storage.clip_store import ClipStore
from app.model.storage.session_file import SessionRecord, read_session, write_session
from tests.fakes.app.background import WriterAtOnce
from tests.fakes.app.takes import make_kit, make_take, same_pad
from tests.log_watch import LogWatch

EMPTY = KitRecord("New kit", (PadRecord(),) * PADS)


class Scene:
    """A run with its takes on disk."""

    def __init__(self, folder: Path) -> None:
        self.file, self.takes = folder / "session.json", folder / "takes"
        self.store = ClipStore(self.takes / "run", WriterAtOnce(), lambda text, kind: None)

    def keep(self, kit: KitRecord) -> None:
        for index, pad in enumerate(kit.pads):
            for take in pad.takes:
                self.store.save(take, index)

    def write(self, kit: KitRecord, *, written: float = 5000.0, closed: bool = True) -> None:
        record = SessionRecord(kit, self.store.folder, written, closed)
        write_session(self.file, record, self.store.path_of)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_the_pads_come_back_as_they_were(scene: Scene) -> None:
    kit = make_kit()
    scene.keep(kit)
    scene.write(kit)
    last = read_session(scene.file, scene.takes)
    assert last is not None and last.closed
    assert last.kit.name == kit.name
    assert all(same_pad(a, b) for a, b in zip(kit.pads, last.kit.pads, strict=True))
    assert {item.take.id for item in last.stored} == {
        take.id for pad in kit.pads for take in pad.takes
    }
    assert all(item.path.is_file() for item in last.stored)


def test_there_is_nothing_before_the_first_run(scene: Scene) -> None:
    assert read_session(scene.file, scene.takes) is None


def test_takes_made_after_the_last_write_are_found_on_their_pads(scene: Scene) -> None:
    kit = make_kit()
    scene.keep(kit)
    scene.write(kit, closed=False)
    newer = make_take("snare", created=6000.0)
    scene.store.save(newer, 4)
    last = read_session(scene.file, scene.takes)
    assert last is not None and not last.closed
    assert [take.id for take in last.kit.pads[4].takes] == [newer.id]
    assert last.kit.pads[4].current == 0


def test_takes_of_a_kit_that_was_replaced_do_not_come_back_on_the_pads(scene: Scene) -> None:
    scene.keep(make_kit())
    scene.write(EMPTY)
    last = read_session(scene.file, scene.takes)
    assert last is not None
    assert all(pad.takes == () for pad in last.kit.pads)


def test_a_take_that_was_not_on_disk_yet_when_the_session_was_written_is_found(
    scene: Scene,
) -> None:
    take = make_take()
    kit = replace(EMPTY, pads=(PadRecord(takes=(take,), current=0), *EMPTY.pads[1:]))
    scene.write(kit)
    scene.keep(kit)
    last = read_session(scene.file, scene.takes)
    assert last is not None
    assert [found.id for found in last.kit.pads[0].takes] == [take.id]


def test_a_newer_take_waits_on_a_locked_pad(scene: Scene) -> None:
    kit = make_kit()
    scene.keep(kit)
    scene.write(kit)
    scene.store.save(make_take(created=6000.0), 0)
    last = read_session(scene.file, scene.takes)
    assert last is not None
    assert len(last.kit.pads[0].takes) == 3 and last.kit.pads[0].current == 0


def test_a_take_whose_file_is_gone_is_left_out_and_the_rest_comes_back(
    scene: Scene, log_watch: LogWatch
) -> None:
    kit = make_kit()
    scene.keep(kit)
    scene.write(kit)
    gone = scene.store.path_of(kit.pads[0].takes[0])
    assert gone is not None
    gone.unlink()
    log_watch.expect(gone.stem, 2)
    last = read_session(scene.file, scene.takes)
    assert last is not None
    assert [take.id for take in last.kit.pads[0].takes] == [kit.pads[0].takes[1].id]
    assert last.kit.pads[0].current == 0


@pytest.mark.parametrize("text", ["", '{"format": "pingp', "[]", '{"format": "other"}', "\x00"])
def test_a_damaged_session_is_made_up_for_by_the_newest_run(
    scene: Scene, text: str, log_watch: LogWatch
) -> None:
    take = make_take()
    scene.store.save(take, 7)
    scene.file.write_text(text)
    log_watch.expect("Cannot read the last session", 1)
    last = read_session(scene.file, scene.takes)
    assert last is not None and not last.closed
    assert [found.id for found in last.kit.pads[7].takes] == [take.id]


def test_a_session_with_a_wrong_value_is_damaged(scene: Scene, log_watch: LogWatch) -> None:
    log_watch.expect("gain_db must be a number", 1)
    kit = make_kit()
    scene.keep(kit)
    scene.write(kit)
    data = json.loads(scene.file.read_text())
    data["pads"][0]["gain_db"] = "loud"
    scene.file.write_text(json.dumps(data))
    last = read_session(scene.file, scene.takes)
    assert last is not None and not last.closed
