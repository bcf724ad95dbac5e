from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.files.audio import write_clip
from tests.fakes.app.playing_scene import PlayingScene
from tests.fakes.engine.engine_thread import tone


def wav(path: Path, rate: int, channels: int, subtype: str, seconds: float = 0.2) -> Path:
    frames = int(rate * seconds)
    wave = np.sin(np.arange(frames) * 440 * 2 * np.pi / rate)[:, None] * 0.5
    soundfile.write(path, np.repeat(wave, channels, 1), rate, subtype)
    return path


@pytest.mark.parametrize(
    ("rate", "channels", "subtype"),
    [
        (44_100, 2, "PCM_U8"),
        (44_100, 2, "PCM_24"),
        (8_000, 1, "PCM_16"),
        (192_000, 2, "FLOAT"),
        (48_000, 6, "PCM_16"),
    ],
)
def test_any_wav_lands_on_the_pad_it_was_dropped_on(
    scene: PlayingScene, tmp_path: Path, rate: int, channels: int, subtype: str
) -> None:
    scene.session.prompt = "kick"
    scene.import_file.drop_file(wav(tmp_path / "Ride äö #1.wav", rate, channels, subtype), 11)
    scene.loop.run_posted()
    pad = scene.pads[11]
    take = pad.takes.current
    assert take is not None and (take.kind, take.name) == ("dropped", "Ride äö #1")
    assert pad.state == "ready" and scene.mixer.sounds[11] is not None
    assert scene.store.file_for(take) is not None
    assert scene.engine.asked == {} and scene.said() == []


def test_a_file_on_record_is_what_the_prompt_starts_from(
    scene: PlayingScene, tmp_path: Path
) -> None:
    scene.session.prompt = "kick"
    scene.session.select(4)
    scene.import_file.drop_file(wav(tmp_path / "hum.wav", 44_100, 1, "PCM_16"), "record")
    scene.loop.run_posted()
    dropped = scene.pads[4].takes.current
    asked = scene.engine.asked[scene.engine.newest]
    assert dropped is not None
    assert (asked.recipe.source, asked.source) == (dropped.id, dropped.clip)


def test_without_a_prompt_a_file_on_record_is_only_put_on_the_pad(
    scene: PlayingScene, tmp_path: Path
) -> None:
    scene.import_file.drop_file(wav(tmp_path / "hum.wav", 44_100, 1, "PCM_16"), "record")
    scene.loop.run_posted()
    assert scene.pads[0].state == "ready" and scene.engine.asked == {}


def test_a_ten_minute_file_is_used_from_its_start_and_said(
    scene: PlayingScene, tmp_path: Path
) -> None:
    scene.session.prompt = "texture"
    path = wav(tmp_path / "long.wav", 8_000, 1, "PCM_U8", seconds=600.0)
    scene.import_file.drop_file(path, "record")
    scene.loop.run_posted()
    take = scene.pads[0].takes.current
    assert take is not None and take.clip.seconds == 60.0
    source = scene.engine.asked[scene.engine.newest].source
    assert source is not None and source.seconds == 12.0
    assert scene.said() == [
        "Only the first 60 s of long.wav are used.",
        "The sound is made from the first 12 s of long.wav.",
    ]


def test_what_is_no_sound_is_said_and_changes_nothing(scene: PlayingScene, tmp_path: Path) -> None:
    text, empty = tmp_path / "text.wav", tmp_path / "empty.wav"
    text.write_text("this is no sound")
    soundfile.write(empty, np.zeros((0, 1)), 44_100)
    for path, words in (
        (text, "could not be read as audio"),
        (empty, "holds no sound"),
        (tmp_path / "gone.wav", "There is no file"),
        (tmp_path, "is a folder"),
    ):
        scene.import_file.drop_file(path, 0)
        scene.loop.run_posted()
        assert words in scene.said()[0]
    assert scene.pads[0].takes.items == () and scene.pads[0].state == "empty"


def test_a_locked_pad_takes_no_file(scene: PlayingScene, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write_clip(path, tone(0.1))
    scene.pads[2].locked = True
    scene.import_file.drop_file(path, 2)
    scene.loop.run_posted()
    assert scene.pads[2].takes.items == () and "locked" in scene.said()[0]


def test_a_pad_dropped_on_another_pad_brings_its_take_with_its_recipe(scene: PlayingScene) -> None:
    scene.make("kick")
    original = scene.pads[0].takes.current
    path = scene.drag_out.file_for_drag(0)
    assert original is not None and path is not None
    scene.import_file.drop_file(path, 5)
    scene.loop.run_posted()
    copy = scene.pads[5].takes.current
    assert copy is not None and copy.id != original.id
    assert (copy.kind, copy.name, copy.recipe) == ("generated", "kick", original.recipe)
    assert copy.clip is original.clip and scene.pads[5].loaded is copy
    assert scene.store.file_for(copy) is not None


def test_a_pad_dropped_on_record_is_what_the_prompt_starts_from(scene: PlayingScene) -> None:
    scene.make("kick")
    path = scene.drag_out.file_for_drag(0)
    assert path is not None
    scene.session.select(3)
    scene.import_file.drop_file(path, "record")
    scene.loop.run_posted()
    copy = scene.pads[3].takes.current
    asked = scene.engine.asked[scene.engine.newest]
    assert copy is not None and copy.recipe is not None
    assert (asked.recipe.source, asked.source) == (copy.id, copy.clip)
