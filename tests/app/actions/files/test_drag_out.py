from __future__ import annotations

from engine.files.audio import read_clip
from tests.fakes.app.playing_scene import PlayingScene


def test_the_file_of_a_pad_is_there_before_the_drag_and_the_next_take_leaves_it_alone(
    scene: PlayingScene,
) -> None:
    scene.make("kick")
    path = scene.drag_out.file_for_drag(0)
    assert path is not None and path.is_absolute() and path.is_file()
    before = path.read_bytes()
    scene.make("kick")
    other = scene.drag_out.file_for_drag(0)
    assert other is not None and other != path
    assert path.read_bytes() == before
    assert read_clip(path).seconds == 1.0


def test_an_empty_pad_gives_nothing(scene: PlayingScene) -> None:
    assert scene.drag_out.file_for_drag(0) is None and scene.said() == []


def test_a_take_that_is_not_on_disk_yet_says_so(scene: PlayingScene) -> None:
    scene.store.folder.parent.mkdir(exist_ok=True)
    scene.store.folder.write_text("in the way")
    scene.make("kick")
    scene.said()
    assert scene.drag_out.file_for_drag(0) is None
    assert "not on disk yet" in scene.said()[0]
