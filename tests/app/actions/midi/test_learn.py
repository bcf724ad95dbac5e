from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.midi.messages.targets import TARGETS
from tests.fakes.app.midi_scene import MidiScene


@pytest.fixture
def scene(tmp_path: Path) -> MidiScene:
    return MidiScene(tmp_path)


def test_a_touch_is_learnt_works_at_once_and_is_there_the_next_time(
    scene: MidiScene, tmp_path: Path
) -> None:
    scene.midi.control_learner.start("again")
    scene.play(0x90, 70, 100)
    assert scene.midi.control_learner.target is None
    assert 'Again: note 70 of "Pads"' in scene.said()[-1]
    scene.make()
    scene.play(0x90, 70, 100)
    assert scene.pads[0].state == "pending"
    later = MidiScene(tmp_path)
    assert later.midi.setup.list_sources(TARGETS["again"]) == ("note 70",)


def test_a_knob_learns_with_takeover_and_a_pressed_hand_without(scene: MidiScene) -> None:
    scene.midi.control_learner.start("strength")
    scene.play(0xB0, 7, 3)
    scene.midi.control_learner.start("pad_level")
    scene.play(0xD0, 3)
    assert [binding.takeover for binding in scene.midi.setup.learnt] == [True, False]


def test_what_is_learnt_anew_replaces_what_it_did_and_what_did_it(scene: MidiScene) -> None:
    for name, note in (("again", 70), ("vary", 71), ("vary", 70)):
        scene.midi.control_learner.start(name)
        scene.play(0x90, note, 100)
    learnt = [(binding.target.name, binding.source.number) for binding in scene.midi.setup.learnt]
    assert learnt == [("vary", 70)]


def test_forgetting_gives_the_control_back(scene: MidiScene) -> None:
    scene.midi.control_learner.start("again")
    scene.play(0x90, 36, 100)
    scene.midi.setup.forget(TARGETS["again"])
    scene.play(0x90, 36, 127)
    assert scene.mixer.calls == [("hit", 0, 1.0)]
    assert scene.midi.setup.list_sources(TARGETS["again"]) == ()


def test_learning_ends_by_itself_and_says_so(scene: MidiScene) -> None:
    scene.midi.control_learner.start("again")
    scene.time_s = 9.9
    scene.midi.tick()
    assert scene.midi.control_learner.target is not None
    scene.time_s = 10.0
    scene.midi.tick()
    assert scene.midi.control_learner.target is None
    assert "within 10 s" in scene.said()[-1]
    scene.play(0x90, 36, 127)
    assert scene.mixer.calls == [("hit", 0, 1.0)]


def test_learning_that_was_ended_by_hand_learns_nothing(scene: MidiScene) -> None:
    scene.midi.control_learner.start("again")
    scene.midi.control_learner.cancel()
    scene.play(0x90, 36, 127)
    assert scene.midi.setup.learnt == () and scene.mixer.calls == [("hit", 0, 1.0)]


def test_a_file_of_learnt_controls_that_was_spoilt_is_put_aside_not_lost(
    scene: MidiScene,
) -> None:
    scene.map("[[control]]\ndoes = 'nonsense'\nnote = 1", "learnt")
    assert "learnt.toml" in scene.said()[-1] and "nonsense" not in TARGETS
    scene.midi.control_learner.start("again")
    scene.play(0x90, 70, 100)
    folder = scene.config / "controllers"
    assert "nonsense" in (folder / "learnt.toml.damaged").read_text()
    assert "again" in (folder / "learnt.toml").read_text()


def test_a_folder_that_cannot_be_written_is_said(scene: MidiScene) -> None:
    scene.config.write_text("a file where the folder should be")
    scene.midi.control_learner.start("again")
    scene.play(0x90, 70, 100)
    assert any("could not be saved" in text for text in scene.said())
    assert scene.midi.setup.make_folder() is None


def test_choices_that_are_none_fall_back(scene: MidiScene) -> None:
    setup = scene.midi.setup
    setup.choose(replace(setup.choices, channel=99, pad_map="gone"))
    assert setup.choices.channel == 0 and setup.choices.pad_map == "chromatic"
    setup.choose(replace(setup.choices, channel=10, pad_map="mpc"))
    scene.play(0x90, 37, 127)
    scene.play(0x99, 37, 127)
    assert scene.mixer.calls == [("hit", 0, 1.0)]


# --- the lowest pad ---


def press(scene: MidiScene, *notes: int) -> None:
    for note in notes:
        scene.play(0x90, note, 100)
        scene.play(0x80, note, 0)


@pytest.mark.parametrize(
    ("pressed", "name", "first", "last"),
    [
        ((36,), "chromatic", 36, 51),
        ((60,), "my-pads", 60, 75),
        ((0,), "my-pads", 0, 15),
        ((37, 36), "mpc", 37, 53),
        ((37, 38), "my-pads", 37, 52),
        (range(44, 53), "my-pads", 44, 59),
        ((*range(44, 52), 32), "mpk-mini", 44, 39),
    ],
)
def test_the_lowest_pads_say_which_map_it_is(
    scene: MidiScene, pressed: tuple[int, ...], name: str, first: int, last: int
) -> None:
    scene.midi.pad_learner.start()
    assert "lowest" in scene.midi.pad_learner.question
    press(scene, *pressed)
    assert scene.midi.pad_learner.notes is None
    setup = scene.midi.setup
    assert setup.choices.pad_map == name
    assert (setup.pad_map.notes[0], setup.pad_map.notes[15]) == (first, last)
    assert scene.mixer.calls == []
    press(scene, first)
    assert scene.mixer.calls[0] == ("hit", 0, 100 / 127)


def test_pads_of_no_known_order_are_learnt_one_by_one_and_kept(
    scene: MidiScene, tmp_path: Path
) -> None:
    odd = (50, 40, 60, 41, 61, 42, 62, 43, 63, 44, 64, 45, 65, 46, 66, 47)
    scene.midi.pad_learner.start(every_pad=True)
    press(scene, 50, 50)
    assert scene.midi.pad_learner.question.startswith("Press pad 2 of 16")
    press(scene, *odd[1:])
    assert scene.midi.setup.pad_map.notes == odd
    later = MidiScene(tmp_path)
    later.midi.setup.choose(scene.midi.setup.choices)
    assert later.midi.setup.pad_map.notes == odd


def test_a_first_note_too_high_for_sixteen_in_a_row_goes_on_asking(scene: MidiScene) -> None:
    scene.midi.pad_learner.start()
    press(scene, 120)
    assert scene.midi.pad_learner.question.startswith("Press pad 2")


def test_asking_for_pads_ends_by_itself_and_changes_nothing(scene: MidiScene) -> None:
    scene.midi.pad_learner.start(every_pad=True)
    scene.time_s = 9.0
    press(scene, 60)
    scene.time_s = 18.0
    scene.midi.tick()
    assert scene.midi.pad_learner.notes == (60,)
    scene.time_s = 19.0
    scene.midi.tick()
    assert scene.midi.pad_learner.question == ""
    press(scene, 36)
    assert scene.mixer.calls[0] == ("hit", 0, 100 / 127)
