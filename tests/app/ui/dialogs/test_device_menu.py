from dataclasses import replace

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from app.audio.devices.sound_system import Channels
from app.audio.devices.state import DeviceRequest
from app.ui.dialogs.device_menu import NO_PRIORITY, DeviceMenu
from tests.app.ui.scene import Audio, Scene


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
        "Record channel",
        "Block",
        "Rate",
        "",
        "Play hits at once (less delay, less even)",
        "Measure the round trip…",
        "Look for devices again",
    ]
    assert marked(menu) == ["Automatic", "Automatic"]


def test_choosing_opens_the_device_and_keeps_the_other(scene: Scene) -> None:
    menu = scene.window.status_line.device_menu
    choose(menu, "HDMI")
    choose(menu, "Webcam && co")
    assert scene.devices.requests == [DeviceRequest("HDMI"), DeviceRequest("HDMI", "Webcam & co")]
    assert marked(menu) == ["HDMI", "Webcam && co"]
    choose(menu, "Automatic")
    assert scene.devices.requests[-1] == DeviceRequest(None, "Webcam & co")


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
    assert scene.devices.requests == [DeviceRequest(None, "Webcam & co")]


def submenu(menu: DeviceMenu, title: str) -> list[QAction]:
    [found] = [action for action in actions(menu) if action.text() == title]
    inner = found.menu()
    assert isinstance(inner, QMenu)
    return inner.actions()


def test_channel_block_and_rate_are_chosen_and_open_the_devices_anew(scene: Scene) -> None:
    menu = scene.window.status_line.device_menu
    texts = [action.text() for action in submenu(menu, "Record channel")]
    assert texts == ["Automatic", "1", "2", "3", "4", "1+2", "3+4"]
    for title, text in (("Record channel", "3+4"), ("Block", "64 frames"), ("Rate", "96 kHz")):
        next(action for action in submenu(menu, title) if action.text() == text).trigger()
        assert [one.text() for one in submenu(menu, title) if one.isChecked()] == [text]
    request = DeviceRequest(None, None, 64, 96_000, Channels(3, 2))
    assert scene.devices.requests[-1] == request and len(scene.devices.requests) == 3


def test_a_device_alone_is_offered_where_the_system_can(scene: Scene) -> None:
    menu = scene.window.status_line.device_menu
    alone = "For Pingpad alone (shorter delay)"
    assert alone not in [action.text() for action in actions(menu)]
    scene.session.set_audio(replace(Audio(), exclusive=True))
    choose(menu, alone)
    assert scene.devices.requests == [DeviceRequest(exclusive=True)] and alone in marked(menu)


def test_a_system_that_grants_no_priority_is_named(scene: Scene) -> None:
    menu = scene.window.status_line.device_menu
    assert NO_PRIORITY not in [action.text() for action in actions(menu)]
    assert "priority" not in scene.window.status_line.output.text
    scene.session.set_audio(replace(Audio(), realtime=False))
    assert NO_PRIORITY in [action.text() for action in actions(menu)]
    assert "no real-time priority" in scene.window.status_line.output.text
