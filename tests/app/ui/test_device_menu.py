from PySide6.QtGui import QAction

from app.ui.device_menu import DeviceMenu
from tests.app.ui.scene import Scene


def actions(menu: DeviceMenu) -> list[QAction]:
    return menu.build().actions()


def choose(menu: DeviceMenu, text: str, nth: int = 0) -> None:
    [action for action in actions(menu) if action.text() == text][nth].trigger()


def marked(menu: DeviceMenu) -> list[str]:
    return [action.text() for action in actions(menu) if action.isChecked()]


def test_every_device_is_named_once_with_the_chosen_ones_marked(scene: Scene) -> None:
    menu = scene.window.status_line.device_menu
    assert [action.text() for action in actions(menu)] == [
        "Output",
        "Automatic",
        "Scarlett 2i2",
        "HDMI",
        "",
        "Input",
        "Automatic",
        "Scarlett 2i2",
        "Webcam && co",
        "",
        "Play hits at once (less delay, less even)",
        "Look for devices again",
    ]
    assert marked(menu) == ["Automatic", "Automatic"]


def test_choosing_opens_the_device_and_keeps_the_other(scene: Scene) -> None:
    menu = scene.window.status_line.device_menu
    choose(menu, "HDMI")
    choose(menu, "Webcam && co")
    assert scene.devices.wishes == [("HDMI", None), ("HDMI", "Webcam & co")]
    assert marked(menu) == ["HDMI", "Webcam && co"]
    choose(menu, "Automatic")
    assert scene.devices.wishes[-1] == (None, "Webcam & co")


def test_a_chosen_device_that_is_gone_stays_in_the_menu(scene: Scene) -> None:
    scene.session.output = "Tape deck"
    assert marked(scene.window.status_line.device_menu) == ["Tape deck (not there)", "Automatic"]


def test_hits_are_played_at_once_when_the_player_says_so(scene: Scene) -> None:
    menu = scene.window.status_line.device_menu
    choose(menu, "Play hits at once (less delay, less even)")
    assert scene.session.play_at_once and scene.sound.at_once
    assert "Play hits at once (less delay, less even)" in marked(menu)


def test_looking_again_opens_what_is_chosen(scene: Scene) -> None:
    menu = scene.window.status_line.device_menu
    scene.session.input = "Webcam & co"
    choose(menu, "Look for devices again")
    assert scene.devices.wishes == [(None, "Webcam & co")]
