from dataclasses import replace

from app.audio.devices.round_trip import RoundTrip
from app.ui.dialogs.loopback import LISTENING
from tests.app.ui.scene import Audio, Scene


def tell(scene: Scene, loop: RoundTrip | None) -> None:
    scene.session.set_audio(replace(Audio(), round_trip=loop))


def test_the_menu_opens_the_wizard_which_measures_and_shows_what_came(scene: Scene) -> None:
    line = scene.window.status_line
    menu = line.device_menu.build()
    next(one for one in menu.actions() if one.text() == "Measure the round trip…").trigger()
    dialog = line.loopback_dialog
    assert dialog is not None and dialog.isVisible() and dialog.found.text() == ""
    dialog.button.click()
    assert scene.devices.measured == 1
    assert not dialog.button.isEnabled() and dialog.found.text() == LISTENING
    tell(scene, None)
    assert dialog.found.text() == LISTENING, "the devices are open again, the clicks not found yet"
    tell(scene, RoundTrip(10.66, 0.02, 8))
    assert dialog.button.isEnabled()
    assert dialog.found.text().startswith("10.7 ms from output to input. 8 of 8 clicks")
    assert "round trip 10.7 ms" in line.output.text


def test_what_went_wrong_is_said_and_nothing_is_shown_as_measured(scene: Scene) -> None:
    line = scene.window.status_line
    line.open_loopback()
    assert line.loopback_dialog is not None
    short = line.loopback_dialog.height()
    error = "Only 0 of 8 clicks came back. " * 5
    tell(scene, RoundTrip(error=error))
    assert line.loopback_dialog.found.text() == error
    assert line.loopback_dialog.height() > short, "nothing of the text above is cut off"
    assert "round trip" not in line.output.text


def test_a_recording_is_not_cut_by_measuring(scene: Scene) -> None:
    scene.session.set_recording(True)
    scene.window.status_line.open_loopback()
    dialog = scene.window.status_line.loopback_dialog
    assert dialog is not None
    dialog.button.click()
    assert scene.devices.measured == 0 and dialog.button.isEnabled()
    assert "End the recording first" in scene.said[-1]
