from __future__ import annotations

from app.audio.mixer.pad_parameters import PadParameters
from tests.fakes.app.playing_scene import PlayingScene


def test_each_setting_reaches_the_mixer_and_is_told(scene: PlayingScene) -> None:
    pad, told = scene.pads[2], []
    pad.changed.connect(lambda: told.append(1))
    for parameters in (
        PadParameters("loop"),
        PadParameters("loop", tune=3.0),
        PadParameters("loop", tune=3.0),
    ):
        scene.pad_settings.set_parameters(2, parameters)
        assert scene.mixer.settings[2] == pad.parameters == parameters
    assert len(told) == 2


def test_names_are_one_short_line(scene: PlayingScene) -> None:
    scene.pad_settings.rename(0, "  Big \n boom ")
    assert scene.pads[0].title == "Big boom"
    scene.pad_settings.rename(0, "x" * 500)
    assert len(scene.pads[0].name) == 60


def test_locking_is_told(scene: PlayingScene) -> None:
    told: list[bool] = []
    scene.pads[0].changed.connect(lambda: told.append(scene.pads[0].locked))
    scene.pad_settings.set_locked(0, True)
    scene.pad_settings.set_locked(0, False)
    assert told == [True, False]
