from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from app.actions.pads import load_pads
from tests.fakes.app.playing_scene import PlayingScene
from tests.fakes.engine.engine_thread import tone
from tests.log_watch import LogWatch


def test_a_sound_reaches_the_mixer_in_stereo_at_its_rate(scene: PlayingScene) -> None:
    scene.make("kick")
    samples = scene.mixer.sounds[0]
    assert samples is not None
    assert abs(len(samples) - 48_000) <= 64


def test_of_several_loads_of_a_pad_the_last_one_counts(scene: PlayingScene) -> None:
    scene.make("a")
    scene.make("b")
    held: list[Callable[[], None]] = []
    scene.background.held = held
    scene.takes.undo(0)
    scene.loop.run_posted()
    scene.takes.redo(0)
    scene.loop.run_posted()
    for outcome in reversed(held):
        outcome()
    pad = scene.pads[0]
    assert pad.loaded is pad.takes.items[1]


def test_a_sound_prepared_too_late_does_not_land_on_a_pad_that_was_emptied(
    scene: PlayingScene,
) -> None:
    scene.make("a")
    scene.background.held = []
    scene.loader.load(scene.pads[0])
    scene.loop.run_posted()
    scene.pads[0].takes.replace_all((), None)
    scene.loader.load(scene.pads[0])
    scene.loop.run_posted()
    scene.background.let_go()
    assert scene.mixer.sounds[0] is None and scene.pads[0].state == "empty"


def test_another_rate_prepares_every_pad_again(scene: PlayingScene) -> None:
    scene.make("kick", 2)
    before = scene.mixer.sounds[2]
    scene.loader.follow_rate()
    scene.loop.run_posted()
    assert scene.mixer.sounds[2] is before
    scene.mixer.rate = 96_000
    scene.loader.follow_rate()
    scene.loop.run_posted()
    after = scene.mixer.sounds[2]
    assert before is not None and after is not None
    assert abs(len(after) - 2 * len(before)) <= 128


def test_a_rate_that_changes_while_a_sound_is_prepared_prepares_it_again(
    scene: PlayingScene,
) -> None:
    scene.session.prompt = "kick"
    scene.generate.generate()
    scene.background.held = []
    scene.finish()
    scene.mixer.rate = 96_000
    scene.background.let_go()
    scene.loop.run_posted()
    samples = scene.mixer.sounds[0]
    assert samples is not None and abs(len(samples) - 96_000) <= 128


def test_a_sound_that_cannot_be_prepared_is_said_and_the_old_one_stays(
    scene: PlayingScene, monkeypatch: pytest.MonkeyPatch, log_watch: LogWatch
) -> None:
    log_watch.expect("MemoryError", 1)
    scene.make("kick")
    old = scene.mixer.sounds[0]

    def refuse(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(load_pads, "prepare", refuse)
    scene.make("snare")
    assert scene.pads[0].state == "failed" and scene.mixer.sounds[0] is old
    assert scene.said() == ["That did not work; see the log file."]


def test_what_is_loaded_is_the_take_that_is_shown(scene: PlayingScene) -> None:
    scene.session.prompt = "kick"
    scene.generate.generate()
    scene.engine.finish(clip=tone(0.5, rate=48_000))
    scene.loop.run_posted()
    loaded, samples = scene.pads[0].loaded, scene.mixer.sounds[0]
    assert loaded is not None and samples is not None
    assert np.allclose(samples[500:-500], loaded.clip.samples[500:-500], atol=1e-6)


def test_a_pad_of_layers_brings_its_takes_oldest_first(scene: PlayingScene) -> None:
    for prompt in ("a", "b", "c"):
        scene.make(prompt)
    assert len(scene.mixer.layers[0]) == 1
    scene.pad_settings.change(0, layers="round_robin")
    scene.loop.run_posted()
    assert len(scene.mixer.layers[0]) == 3
    scene.make("d")
    assert len(scene.mixer.layers[0]) == 4
    scene.takes.undo(0)
    scene.loop.run_posted()
    scene.pad_settings.change(0, layers="single")
    scene.loop.run_posted()
    assert len(scene.mixer.layers[0]) == 1
    assert scene.pads[0].loaded is scene.pads[0].takes.items[2]


def test_a_running_loop_takes_its_new_sound_when_the_session_says(scene: PlayingScene) -> None:
    scene.make("a")
    assert scene.mixer.swaps[0] == "now"
    scene.session.swap_at = "bar"
    scene.make("b")
    assert scene.mixer.swaps[0] == "bar"
