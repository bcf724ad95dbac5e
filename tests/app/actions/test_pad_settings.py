from __future__ import annotations

import pytest
from playing_scene import PlayingScene


def test_each_setting_reaches_the_mixer_and_is_told(scene: PlayingScene) -> None:
    pad, told = scene.pads[2], []
    pad.changed.connect(lambda: told.append(1))
    scene.pad_settings.set_mode(2, "loop")
    scene.pad_settings.set_gain_db(2, -6.0)
    scene.pad_settings.set_choke_group(2, 3)
    assert scene.mixer.settings[2] == ("loop", -6.0, 3)
    assert (pad.mode, pad.gain_db, pad.choke_group) == ("loop", -6.0, 3)
    assert len(told) == 3


def test_nonsense_is_refused_and_changes_nothing(scene: PlayingScene) -> None:
    with pytest.raises(ValueError, match="got 99"):
        scene.pad_settings.set_gain_db(0, 99.0)
    with pytest.raises(ValueError, match="got -1"):
        scene.pad_settings.set_choke_group(0, -1)
    assert scene.mixer.settings == {} and scene.pads[0].gain_db == 0.0


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
