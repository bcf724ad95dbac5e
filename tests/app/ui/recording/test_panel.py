from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from app.audio.recording.disk_recorder import DiskTake
from engine.files.audio import write_clip
from tests.app.ui.scene import Audio, Scene, decaying_sine

LEFT = Qt.MouseButton.LeftButton


def test_record_lasts_as_long_as_the_button_is_held(scene: Scene) -> None:
    scene.microphone.clip = decaying_sine(0.4)
    button = scene.window.record_panel.button
    QTest.mousePress(button, LEFT)
    assert scene.session.recording
    QTest.mouseRelease(button, LEFT, pos=QPoint(-300, 900))
    assert not scene.session.recording
    take = scene.session.kit.pads[0].takes.current
    assert take is not None
    assert take.kind == "recorded"


def test_a_recording_with_a_prompt_is_made_into_a_sound(scene: Scene) -> None:
    scene.microphone.clip = decaying_sine(0.4)
    scene.session.prompt = "punchy kick"
    QTest.mouseClick(scene.window.record_panel.button, LEFT)
    [wished] = scene.engine.wishes
    assert wished.source is not None
    assert wished.recipe.strength == scene.session.strength


def test_the_latch_records_until_it_is_pressed_again(scene: Scene) -> None:
    panel = scene.window.record_panel
    scene.microphone.clip = decaying_sine(0.4)
    QTest.mouseClick(panel.latch, LEFT)
    assert scene.session.recording
    assert panel.latch.isChecked()
    QTest.mouseClick(panel.latch, LEFT)
    assert not scene.session.recording
    assert not panel.latch.isChecked()


def test_the_latch_stays_up_while_record_is_held(scene: Scene) -> None:
    panel = scene.window.record_panel
    QTest.mousePress(panel.button, LEFT)
    assert scene.session.recording
    assert not panel.latch.isChecked()
    QTest.mouseRelease(panel.button, LEFT)


def test_the_latch_does_not_stay_down_without_a_microphone(scene: Scene) -> None:
    scene.session.set_audio(Audio(input_name=None))
    QTest.mouseClick(scene.window.record_panel.latch, LEFT)
    assert not scene.session.recording
    assert not scene.window.record_panel.latch.isChecked()
    assert "Plug in a microphone" in scene.said[-1]


def test_space_held_on_the_button_records_once(scene: Scene) -> None:
    button = scene.window.record_panel.button
    button.setFocus()
    QTest.keyPress(button, Qt.Key.Key_Space)
    assert scene.session.recording
    QTest.keyRelease(button, Qt.Key.Key_Space)
    assert (scene.microphone.started, scene.microphone.stopped) == (1, 1)


def test_the_level_shows_what_came_in_and_falls_by_itself(scene: Scene) -> None:
    meter = scene.window.record_panel.level
    scene.microphone.level = 0.5
    scene.window.show_frame()
    assert round(meter.levels_db[0]) == -6
    scene.microphone.level = 0.0
    scene.time_s += 0.5
    scene.window.show_frame()
    assert round(meter.levels_db[0]) == -18


def test_a_file_dropped_on_record_is_made_into_a_sound(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "beat.wav"
    write_clip(path, decaying_sine(0.3))
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    scene.session.prompt = "dusty clap"
    copy, none = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    panel = scene.window.record_panel
    QApplication.sendEvent(panel, QDragEnterEvent(QPoint(5, 5), copy, data, LEFT, none))
    QApplication.sendEvent(panel, QDropEvent(QPointF(5, 5), copy, data, LEFT, none))
    take = scene.session.kit.pads[0].takes.current
    assert take is not None
    assert take.kind == "dropped"
    assert scene.engine.wishes[0].recipe.source == take.id


def test_hearing_what_was_recorded_can_be_switched_off(scene: Scene) -> None:
    panel = scene.window.record_panel
    assert panel.hear.isChecked()
    QTest.mouseClick(panel.hear, LEFT)
    assert not scene.session.hear_recordings
    scene.session.hear_recordings = True
    assert panel.hear.isChecked()


def entry(menu: QMenu, text: str) -> QAction:
    return next(action for action in menu.actions() if action.text().startswith(text))


def test_the_menu_shows_and_changes_how_it_is_recorded(scene: Scene) -> None:
    session, panel = scene.session, scene.window.record_panel
    menu = panel.menu.build()
    assert entry(menu, "Begin at once").isChecked() and entry(menu, "Until").isChecked()
    for text in ("Resample", "Begin and end on the bar", "2 bars", "Count in"):
        entry(menu, text).trigger()
    louder = entry(menu, "A sound is louder than").menu()
    assert isinstance(louder, QMenu)
    entry(louder, "\N{MINUS SIGN}18").trigger()
    assert (session.record_from, session.record_start, session.record_bars) == ("played", "bar", 2)
    assert session.count_in and session.record_threshold_db == -18.0
    assert panel.hint.text() == "What is played · on the bar · 2 bars · count-in"
    again = panel.menu.build()
    assert entry(again, "2 bars").isChecked() and not entry(again, "Until").isChecked()


def test_the_menu_opens_by_keyboard(scene: Scene) -> None:
    panel = scene.window.record_panel
    panel.setup.setFocus()
    QTest.keyClick(panel.setup, Qt.Key.Key_Space)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    QTest.keyClick(menu, Qt.Key.Key_Down)
    QTest.keyClick(menu, Qt.Key.Key_Down)
    QTest.keyClick(menu, Qt.Key.Key_Return)
    assert scene.session.record_from == "played"


def test_the_button_says_what_it_waits_for_and_a_frame_lets_it_begin_and_end(
    scene: Scene,
) -> None:
    button, session = scene.window.record_panel.button, scene.session
    assert button.label == "Hold to record"
    session.record_start, session.record_bars = "bar", 1
    scene.microphone.clip = decaying_sine(0.4)
    scene.sound.frame = 24_000
    QTest.mouseClick(button, LEFT)
    assert button.label == "Begins in 3"
    scene.sound.frame = 96_000
    scene.tick()
    scene.microphone.seconds = 0.5
    assert button.label == "Recording  0.5 s"
    scene.microphone.position = 96_000
    scene.tick()
    assert not session.recording and button.label == "Record"
    session.record_start = "sound"
    QTest.mouseClick(button, LEFT)
    assert button.label == "Waiting for a sound"
    scene.microphone.loud = 100_000
    scene.tick()
    assert scene.microphone.started == 2


def test_all_that_is_played_goes_to_a_file_by_button_and_by_keys(scene: Scene) -> None:
    window, button = scene.window, scene.window.kit_bar.perform
    QTest.mouseClick(button, LEFT)
    assert scene.session.master_recording and len(scene.disk.paths) == 1
    scene.disk.seconds = 65.0
    window.show_frame()
    assert button.isChecked() and button.text().strip() == "1:05"
    QTest.keyClick(
        window,
        Qt.Key.Key_R,
        Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier,
    )
    assert scene.disk.stopped == 1
    scene.actions.master_recording.on_ended(DiskTake((Path("a.wav"),), 65.0, 0.0, ""))
    window.show_frame()
    assert not button.isChecked() and button.text() == ""
    assert scene.said[-1] == "Saved 1:05 to a.wav."
