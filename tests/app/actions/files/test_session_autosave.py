from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.actions.files.session_autosave import SessionAutosave
from app.audio.mixer.pad_parameters import PadParameters
from app.model.storage.clip_store import ClipStore
from tests.fakes.app.playing_scene import PlayingScene
from tests.log_watch import LogWatch


class Run:
    """One run of Pingpad after another in the same folders."""

    def __init__(self, folder: Path, number: int) -> None:
        self.scene = PlayingScene(folder)
        self.scene.store = ClipStore(
            folder / "takes" / f"run {number}", self.scene.writer, self.scene.session.notify
        )
        self.scene.generate._take_store._store = self.scene.store
        self.file = folder / "session.json"
        self.autosave = SessionAutosave(
            self.scene.session, self.scene.store, self.scene.writer, self.file, lambda: 500.0
        )

    def begin(self) -> PlayingScene:
        self.autosave.restore(self.scene.background, self.scene.loader)
        self.scene.loop.run_posted()
        return self.scene


@pytest.fixture
def last_run(tmp_path: Path) -> Run:
    """A run with two takes on pad 1, the older one chosen, and a loop on pad 3."""
    run = Run(tmp_path, 1)
    scene = run.begin()
    scene.make("kick", 0)
    scene.make("boom", 0)
    scene.takes.undo(0)
    scene.loop.run_posted()
    scene.make("hats", 2)
    scene.pad_settings.set_parameters(2, PadParameters("loop"))
    return run


def test_the_first_run_begins_with_empty_pads_and_says_nothing(tmp_path: Path) -> None:
    scene = Run(tmp_path, 1).begin()
    assert all(pad.state == "empty" for pad in scene.pads) and scene.said() == []


def test_pads_are_back_and_playable_after_a_proper_end(last_run: Run, tmp_path: Path) -> None:
    last_run.autosave.close()
    scene = Run(tmp_path, 2).begin()
    pad = scene.pads[0]
    assert [take.name for take in pad.takes.items] == ["kick", "boom"]
    assert pad.title == "kick" and pad.state == "ready" and pad.loaded is pad.takes.current
    assert scene.mixer.settings[2] == PadParameters("loop") and scene.mixer.sounds[2] is not None
    assert scene.said() == []
    take = pad.takes.current
    assert take is not None
    path = scene.store.file_for(take)
    assert path is not None and path.parent.name == "run 1"


def test_pads_are_back_after_a_crash_and_the_player_is_told(last_run: Run, tmp_path: Path) -> None:
    scene = Run(tmp_path, 2).begin()
    assert scene.pads[0].title == "kick" and scene.pads[2].parameters.mode == "loop"
    assert scene.said() == [
        "Pingpad did not shut down properly last time. Your sounds are back on the pads."
    ]


def test_pads_come_back_over_many_runs(last_run: Run, tmp_path: Path) -> None:
    for number in (2, 3, 4):
        run = Run(tmp_path, number)
        scene = run.begin()
        scene.make(f"new {number}", 9)
        run.autosave.close()
    assert [take.name for take in scene.pads[9].takes.items] == ["new 2", "new 3", "new 4"]
    assert [take.name for take in scene.pads[0].takes.items] == ["kick", "boom"]


def test_a_sound_made_before_the_pads_are_back_stays_on_top(last_run: Run, tmp_path: Path) -> None:
    run = Run(tmp_path, 2)
    scene = run.scene
    scene.background.held = []
    run.begin()
    held, scene.background.held = scene.background.held, None
    scene.make("quick", 0)
    scene.generate.generate(2)
    for outcome in held:
        outcome()
    pad = scene.pads[0]
    assert [take.name for take in pad.takes.items] == ["kick", "boom", "quick"]
    assert pad.title == "quick" and pad.loaded is pad.takes.current
    assert scene.pads[2].state == "pending" and scene.pads[2].title == "hats"
    scene.finish()
    assert scene.pads[2].title == "quick"


def test_a_kit_opened_before_the_pads_are_back_wins(last_run: Run, tmp_path: Path) -> None:
    last_run.scene.kit_file.save(tmp_path / "Empty")
    run = Run(tmp_path, 2)
    run.scene.background.held = []
    run.begin()
    held, run.scene.background.held = run.scene.background.held, None
    run.scene.session.kit.restore(run.scene.session.kit.record())
    for outcome in held:
        outcome()
    assert run.scene.pads[0].takes.items == ()


def test_steps_of_a_generation_are_not_written(last_run: Run) -> None:
    scene, before = last_run.scene, last_run.file.stat().st_mtime_ns
    scene.session.prompt = "kick"
    scene.generate.generate(5)
    for step in range(8):
        scene.engine.progress(scene.engine.newest, step)
    scene.loop.run_posted()
    assert last_run.file.stat().st_mtime_ns == before


def test_a_damaged_session_file_still_brings_the_takes_back(
    last_run: Run, tmp_path: Path, log_watch: LogWatch
) -> None:
    log_watch.expect("Cannot read the last session", 1)
    last_run.file.write_text(last_run.file.read_text()[:300])
    scene = Run(tmp_path, 2).begin()
    assert scene.pads[0].state == "ready" and scene.pads[2].state == "ready"
    assert json.loads(last_run.file.read_text())["closed"] is False
