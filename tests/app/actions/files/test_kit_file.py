from __future__ import annotations

from pathlib import Path

import pytest

from app.audio.mixer.pad_parameters import PadParameters
from tests.fakes.app.playing_scene import PlayingScene
from tests.fakes.app.takes import same_pad


def test_a_kit_saved_and_opened_sounds_as_before(scene: PlayingScene, tmp_path: Path) -> None:
    scene.make("kick", 0)
    scene.make("snare", 1)
    scene.pad_settings.set_parameters(1, PadParameters(gain_db=-6.0))
    saved = scene.session.kit.record()
    ended: list[bool] = []
    scene.kit_file.save(tmp_path / "Mine", ended.append)
    assert ended == [True] and (tmp_path / "Mine.pingpad" / "kit.json").is_file()
    assert scene.said() == ["Saved as Mine.pingpad."]
    scene.make("other", 0)
    scene.pad_settings.set_parameters(1, PadParameters())
    scene.kit_file.open(tmp_path / "Mine.pingpad", ended.append)
    scene.loop.run_posted()
    assert ended == [True, True] and scene.session.kit.name == "Mine"
    record = scene.session.kit.record()
    assert all(same_pad(a, b) for a, b in zip(saved.pads, record.pads, strict=True))
    assert scene.mixer.settings[1] == PadParameters(gain_db=-6.0)
    pad = scene.pads[0]
    assert pad.state == "ready" and pad.loaded is pad.takes.current and pad.title == "kick"


def test_opening_a_kit_empties_the_pads_that_are_empty_in_it_and_loses_no_take(
    scene: PlayingScene, tmp_path: Path
) -> None:
    scene.kit_file.save(tmp_path / "Empty")
    scene.make("kick", 5)
    take = scene.pads[5].takes.current
    assert take is not None
    scene.kit_file.open(tmp_path / "Empty.pingpad")
    scene.loop.run_posted()
    assert scene.pads[5].state == "empty" and scene.mixer.sounds[5] is None
    path = scene.store.file_for(take)
    assert path is not None and path.is_file()


def test_a_damaged_kit_changes_nothing_and_is_said(scene: PlayingScene, tmp_path: Path) -> None:
    scene.make("kick")
    scene.kit_file.save(tmp_path / "Mine")
    (tmp_path / "Mine.pingpad" / "kit.json").write_text("{")
    before = scene.session.kit.record()
    ended: list[bool] = []
    scene.said()
    scene.kit_file.open(tmp_path / "Mine.pingpad", ended.append)
    scene.loop.run_posted()
    assert ended == [False] and scene.session.kit.record() == before
    assert "damaged" in scene.said()[0]


def test_a_kit_that_cannot_be_saved_is_said_and_keeps_its_name(
    scene: PlayingScene, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    ended: list[bool] = []
    scene.kit_file.save(tmp_path / "file" / "Mine", ended.append)
    assert ended == [False] and scene.session.kit.name == "New kit"
    assert "was not saved" in scene.said()[0]


def test_a_sound_still_being_made_does_not_land_in_the_kit_that_was_opened(
    scene: PlayingScene, tmp_path: Path
) -> None:
    scene.kit_file.save(tmp_path / "Empty")
    scene.session.prompt = "late"
    scene.generate.generate(0)
    scene.kit_file.open(tmp_path / "Empty.pingpad")
    scene.loop.run_posted()
    scene.finish()
    assert scene.pads[0].takes.items == () and scene.pads[0].state == "empty"
    assert len(list(scene.store.folder.glob("late_*.wav"))) == 1


def test_takes_of_an_opened_kit_are_kept_on_disk_too(scene: PlayingScene, tmp_path: Path) -> None:
    scene.make("kick")
    scene.kit_file.save(tmp_path / "Mine")
    for file in scene.store.folder.iterdir():
        file.unlink()
    later = PlayingScene(tmp_path / "later")
    later.kit_file.open(tmp_path / "Mine.pingpad")
    later.loop.run_posted()
    assert len(list(later.store.folder.glob("kick_*.wav"))) == 1


@pytest.mark.parametrize("name", ["Mine", "Mine.pingpad"])
def test_the_ending_is_added_once(scene: PlayingScene, tmp_path: Path, name: str) -> None:
    scene.kit_file.save(tmp_path / name)
    assert [path.name for path in tmp_path.glob("Mine*")] == ["Mine.pingpad"]
