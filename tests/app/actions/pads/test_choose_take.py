from __future__ import annotations

from tests.fakes.app.playing_scene import PlayingScene


def test_undo_and_redo_change_what_the_next_hit_plays(scene: PlayingScene) -> None:
    scene.make("a")
    scene.make("b")
    pad = scene.pads[0]
    assert scene.takes.undo()
    scene.loop.run_posted()
    assert pad.title == "a" and pad.loaded is pad.takes.items[0]
    assert not scene.takes.undo()
    scene.loop.run_posted()
    assert scene.takes.redo(0)
    scene.loop.run_posted()
    assert pad.title == "b" and pad.loaded is pad.takes.items[1]
    assert not scene.takes.redo()
    scene.loop.run_posted()
    assert len(pad.takes.items) == 2


def test_any_take_can_be_chosen(scene: PlayingScene) -> None:
    for name in "abc":
        scene.make(name)
    assert scene.takes.select(0, 1)
    scene.loop.run_posted()
    assert scene.pads[0].title == "b"
    assert not scene.takes.select(0, 3)
    scene.loop.run_posted()
    assert not scene.takes.select(0, -1)
    scene.loop.run_posted()


def test_choosing_a_take_ends_the_show_of_a_failure(scene: PlayingScene) -> None:
    scene.make("a")
    scene.make("b")
    scene.generate.generate()
    scene.engine.fail()
    scene.loop.run_posted()
    assert scene.pads[0].state == "failed"
    scene.takes.undo()
    scene.loop.run_posted()
    assert scene.pads[0].state == "ready"


def test_choosing_a_take_while_another_is_made_keeps_the_light(scene: PlayingScene) -> None:
    scene.make("a")
    scene.make("b")
    scene.generate.generate()
    scene.takes.undo()
    scene.loop.run_posted()
    assert scene.pads[0].state == "pending" and scene.pads[0].title == "a"


def test_a_locked_pad_keeps_its_take(scene: PlayingScene) -> None:
    scene.make("a")
    scene.make("b")
    scene.pads[0].locked = True
    assert not scene.takes.undo() and not scene.takes.select(0, 0)
    scene.loop.run_posted()
    assert scene.pads[0].title == "b" and "locked" in scene.said()[0]
