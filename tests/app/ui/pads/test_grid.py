from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QDrag
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.model.storage.take_json import take_to_json
from engine.files.audio import write_clip
from tests.app.ui.scene import Scene, decaying_sine


def test_pad_1_is_at_the_bottom_left_and_rows_go_up(scene: Scene) -> None:
    places = [button.mapTo(scene.window, QPoint(0, 0)) for button in scene.window.pads.buttons]
    assert all(places[0].x() <= place.x() and places[0].y() >= place.y() for place in places)
    assert places[3].y() == places[0].y()
    assert places[3].x() > places[2].x()
    assert places[4].x() == places[0].x()
    assert places[4].y() < places[0].y()
    assert [button.face.note for button in scene.window.pads.buttons] == list(range(36, 52))


def test_a_press_plays_selects_and_lets_go_of_its_own_pad(scene: Scene) -> None:
    button = scene.window.pads.buttons[6]
    QTest.mousePress(button, Qt.MouseButton.LeftButton, pos=QPoint(40, 4))
    assert scene.sound.hits == [(6, 1.0)]
    assert scene.session.selected == 6
    assert button.face.selected
    QTest.mouseRelease(button, Qt.MouseButton.LeftButton, pos=QPoint(40, 4))
    assert scene.sound.releases == [6]


def test_the_light_tells_the_whole_way_of_a_wish(scene: Scene) -> None:
    button = scene.window.pads.buttons[0]
    assert button.face.state == "empty"
    scene.session.prompt = "dark kick"
    scene.actions.generate.generate()
    assert (button.face.state, button.face.text) == ("pending", "waiting")
    scene.progress(3, 8)
    assert (button.face.state, button.face.progress) == ("generating", 3 / 8)
    assert button.face.text == "making 38 %"
    scene.finish(decaying_sine(0.5))
    assert (button.face.state, button.face.name, button.face.text) == (
        "ready",
        "dark kick",
        "0.50 s",
    )


def test_a_failure_shows_and_says_why(scene: Scene) -> None:
    scene.session.prompt = "kick"
    scene.actions.generate.generate(2)
    scene.fail("The engine ended.")
    button = scene.window.pads.buttons[2]
    assert button.face.state == "failed"
    assert button.toolTip() == "The engine ended."


def test_the_old_sound_stays_in_sight_while_the_new_one_is_made(scene: Scene) -> None:
    scene.make(0, "kick", decaying_sine(0.5))
    scene.actions.generate.generate(0)
    face = scene.window.pads.buttons[0].face
    assert (face.state, face.seconds) == ("pending", 0.5)


def test_playheads_and_lights_follow_the_mixer(scene: Scene) -> None:
    scene.make(3, "kick", decaying_sine(0.5))
    button = scene.window.pads.buttons[3]
    scene.sound.positions[3] = 0.2
    scene.window.show_frame()
    assert button.face.sounding
    scene.sound.positions.clear()
    scene.window.show_frame()
    assert not button.face.sounding


def test_a_midi_hit_is_seen_even_if_its_sound_is_over(scene: Scene) -> None:
    scene.actions.pad_trigger.note(9, 0.7)
    scene.window.show_frame()
    assert scene.window.pads.buttons[9].face.sounding
    scene.time_s += 0.2
    scene.window.show_frame()
    assert not scene.window.pads.buttons[9].face.sounding


def test_arrow_keys_move_the_selection_and_stop_at_the_edge(scene: Scene) -> None:
    scene.window.pads.focus_selected()
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Up):
        QTest.keyClick(scene.window.pads.buttons[scene.session.selected], key)
    assert scene.session.selected == 9
    for _ in range(4):
        QTest.keyClick(scene.window.pads.buttons[scene.session.selected], Qt.Key.Key_Left)
    assert scene.session.selected == 8


def test_the_tab_key_stops_at_one_pad_only(scene: Scene) -> None:
    scene.session.select(5)
    stops = [
        number
        for number, button in enumerate(scene.window.pads.buttons)
        if button.focusPolicy() & Qt.FocusPolicy.TabFocus
    ]
    assert stops == [5]


def test_a_dropped_file_lands_on_its_pad(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "from outside.wav"
    write_clip(path, decaying_sine(0.3))
    scene.window.pads.buttons[11].file_dropped.emit(path)
    pad = scene.session.kit.pads[11]
    assert pad.takes.current is not None
    assert (pad.takes.current.kind, pad.title) == ("dropped", "from outside")
    assert scene.window.pads.buttons[11].face.kind == "dropped"


def test_a_drag_carries_a_file_that_exists_before_it_begins(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.make(4, "punchy kick", decaying_sine(0.3))
    seen: list[tuple[Path, str, bool]] = []

    def drop_at_once(drag: QDrag, actions: Qt.DropAction, default: Qt.DropAction) -> Qt.DropAction:
        assert actions == default == Qt.DropAction.CopyAction
        path = Path(drag.mimeData().urls()[0].toLocalFile())
        seen.append((path, drag.mimeData().text(), path.is_file()))
        return Qt.DropAction.IgnoreAction

    monkeypatch.setattr(QDrag, "exec", drop_at_once)
    scene.window.pads.drag_out(4)
    take = scene.session.kit.pads[4].takes.current
    assert take is not None
    [(path, text, existed)] = seen
    assert existed
    assert text == take.id
    assert path.name == "punchy-kick_001.wav"
    assert path.is_file(), "what the drag returns must not cost the file"
    assert take_to_json(take, path.name)


def test_an_empty_pad_begins_no_drag(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QDrag, "exec", lambda *_: pytest.fail("there is nothing to drag"))
    scene.window.pads.drag_out(4)


def test_the_grid_stays_square_at_every_size(scene: Scene, qtbot: QtBot) -> None:
    for width, height in ((1024, 640), (1280, 800), (2560, 1440)):
        scene.window.resize(width, height)
        qtbot.waitUntil(lambda size=(width, height): scene.window.size().toTuple() == size)  # type: ignore[misc]
        sizes = {button.size().toTuple() for button in scene.window.pads.buttons}
        widths, heights = {size[0] for size in sizes}, {size[1] for size in sizes}
        assert max(widths) - min(widths) <= 1
        assert max(heights) - min(heights) <= 1
