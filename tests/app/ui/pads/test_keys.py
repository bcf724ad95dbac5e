import sys

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.ui.pads.keys import AZERTY, QWERTY, QWERTZ, SCAN_CODES, X11_OFFSET, find_letters
from tests.app.ui.scene import Scene

KEYS = [getattr(Qt.Key, f"Key_{letter}") for letter in QWERTY]


@pytest.fixture
def playing(scene: Scene) -> Scene:
    scene.window.pads.focus_selected()
    return scene


def send(
    scene: Scene,
    kind: QEvent.Type,
    key: Qt.Key,
    *,
    repeated: bool = False,
    place: int = 0,
    modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
) -> None:
    event = QKeyEvent(kind, int(key), modifiers, place, 0, 0, "", repeated)
    target = QApplication.focusWidget() or scene.window
    QApplication.sendEvent(target, event)


def test_the_sixteen_keys_play_the_sixteen_pads(playing: Scene) -> None:
    for key in KEYS:
        QTest.keyClick(playing.window.pads.buttons[0], key)
    assert playing.sound.hits == [(pad, 1.0) for pad in range(16)]
    assert playing.sound.releases == list(range(16))


def test_a_key_that_repeats_by_itself_does_not_hit_again(playing: Scene) -> None:
    send(playing, QEvent.Type.KeyPress, Qt.Key.Key_Z)
    for _ in range(5):
        send(playing, QEvent.Type.KeyRelease, Qt.Key.Key_Z, repeated=True)
        send(playing, QEvent.Type.KeyPress, Qt.Key.Key_Z, repeated=True)
    assert playing.sound.hits == [(0, 1.0)]
    assert playing.sound.releases == []
    send(playing, QEvent.Type.KeyRelease, Qt.Key.Key_Z)
    assert playing.sound.releases == [0]


def test_letters_go_into_the_prompt_while_it_has_the_focus(scene: Scene) -> None:
    scene.window.focus_prompt()
    prompt = scene.window.prompt_panel.prompt
    prompt.clear()
    QTest.keyClicks(prompt, "zsx 23")
    assert prompt.text() == "zsx 23"
    assert scene.sound.hits == []


def test_escape_leaves_the_prompt_and_slash_comes_back(scene: Scene) -> None:
    window = scene.window
    window.focus_prompt()
    prompt = window.prompt_panel.prompt
    assert prompt.hasFocus()
    QTest.keyClick(prompt, Qt.Key.Key_Escape)
    assert window.pads.buttons[0].hasFocus()
    QTest.keyClick(window.pads.buttons[0], Qt.Key.Key_Z)
    assert scene.sound.hits == [(0, 1.0)]
    QTest.keyClick(window.pads.buttons[0], Qt.Key.Key_Slash)
    assert prompt.hasFocus()
    QTest.keyClick(prompt, Qt.Key.Key_Escape)
    modifier = Qt.KeyboardModifier.ControlModifier
    QTest.keyClick(window.pads.buttons[0], Qt.Key.Key_L, modifier)
    assert prompt.hasFocus()


def test_escape_at_the_pads_ends_all_sounds(playing: Scene) -> None:
    QTest.keyClick(playing.window.pads.buttons[0], Qt.Key.Key_Escape)
    assert playing.sound.silences == 1


def test_shift_selects_without_a_sound(playing: Scene) -> None:
    modifier = Qt.KeyboardModifier.ShiftModifier
    QTest.keyClick(playing.window.pads.buttons[0], Qt.Key.Key_C, modifier)
    assert playing.session.selected == QWERTY.index("C")
    assert playing.sound.hits == []


def test_shortcuts_do_not_hit(playing: Scene) -> None:
    modifier = Qt.KeyboardModifier.ControlModifier
    QTest.keyClick(playing.window.pads.buttons[0], Qt.Key.Key_Z, modifier)
    assert playing.sound.hits == []


def test_keys_held_while_the_window_is_left_are_let_go(playing: Scene) -> None:
    send(playing, QEvent.Type.KeyPress, Qt.Key.Key_Z)
    QApplication.sendEvent(playing.window, QEvent(QEvent.Type.WindowDeactivate))
    assert playing.sound.releases == [0]


def test_a_key_let_go_with_another_modifier_still_lets_go(playing: Scene) -> None:
    send(playing, QEvent.Type.KeyPress, Qt.Key.Key_Z)
    shift = Qt.KeyboardModifier.ShiftModifier
    send(playing, QEvent.Type.KeyRelease, Qt.Key.Key_Z, modifiers=shift)
    assert playing.sound.releases == [0]


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS names no places of keys")
def test_a_key_is_known_by_its_place_whatever_is_printed_on_it(playing: Scene) -> None:
    # The key left of X writes y on a German keyboard and w on a French one: it is pad 1.
    for key in (Qt.Key.Key_Y, Qt.Key.Key_W):
        send(playing, QEvent.Type.KeyPress, key, place=SCAN_CODES[0] + X11_OFFSET)
        send(playing, QEvent.Type.KeyRelease, key, place=SCAN_CODES[0] + X11_OFFSET)
    assert playing.sound.hits == [(0, 1.0), (0, 1.0)]


def test_r_records_while_held_and_shift_r_until_pressed_again(playing: Scene) -> None:
    for _ in range(3):
        send(playing, QEvent.Type.KeyPress, Qt.Key.Key_R, repeated=playing.session.recording)
    assert (playing.microphone.started, playing.session.recording) == (1, True)
    send(playing, QEvent.Type.KeyRelease, Qt.Key.Key_R)
    assert (playing.microphone.stopped, playing.session.recording) == (1, False)
    shift = Qt.KeyboardModifier.ShiftModifier
    send(playing, QEvent.Type.KeyPress, Qt.Key.Key_R, modifiers=shift)
    send(playing, QEvent.Type.KeyRelease, Qt.Key.Key_R, modifiers=shift)
    assert playing.session.recording
    send(playing, QEvent.Type.KeyPress, Qt.Key.Key_R, modifiers=shift)
    assert not playing.session.recording


def test_each_keyboard_has_sixteen_different_letters() -> None:
    for letters in (QWERTY, QWERTZ, AZERTY):
        assert len(set(letters)) == 16
    assert [find_letters(language) for language in ("en", "de", "fr")] == [QWERTY, QWERTZ, AZERTY]


def test_a_text_field_does_not_keep_control_e_to_itself(scene: Scene) -> None:
    # Where the keys are X11's, a text field answers this event: it wants to go to its end.
    event = QKeyEvent(
        QEvent.Type.ShortcutOverride, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier
    )
    event.accept()
    assert scene.window.keys.eventFilter(scene.window.prompt_panel.prompt, event)
    assert not event.isAccepted()
