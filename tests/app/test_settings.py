from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.settings import (
    MeasuredTrip,
    ReadSettings,
    Settings,
    find_folders,
    read_settings,
    write_settings,
)

FULL = Settings(
    window_geometry="01d9",
    output="Speakers",
    input="Mikrofon äö",
    prompt="punchy kick 🥁",
    seconds=2.5,
    length_unit="bars",
    bars=4,
    bpm=96.5,
    strength=0.4,
    hear_recordings=False,
    steps=2,
    seed=2**62,
    round_trips=(MeasuredTrip("Speakers", "Mikrofon äö", 48_000, 128, 12.5, 0.25, 8),),
)


def test_settings_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "settings.json"
    write_settings(path, FULL)
    read = read_settings(path)
    assert read.settings == FULL and read.notice == ""
    assert [file.name for file in path.parent.iterdir()] == ["settings.json"]


def test_without_a_file_the_defaults_are_used_silently(tmp_path: Path) -> None:
    read = read_settings(tmp_path / "settings.json")
    assert read.settings == Settings() and read.notice == ""


def test_a_round_trip_that_was_not_measured_by_us_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    write_settings(path, FULL)
    data = json.loads(path.read_text())
    data["round_trips"] += [7, {"output": "A"}, {**data["round_trips"][0], "heard": "many"}]
    path.write_text(json.dumps(data))
    assert read_settings(path).settings == FULL
    path.write_text('{"round_trips": "none"}')
    assert read_settings(path) == ReadSettings(Settings())


def test_a_file_of_an_older_or_newer_pingpad_is_read_as_far_as_it_is_known(
    tmp_path: Path,
) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"prompt": "kick", "bpm": 90, "from_the_future": [1]}')
    read = read_settings(path)
    assert read.settings == replace(Settings(), prompt="kick", bpm=90.0) and read.notice == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"prompt": "ki',
        "[]",
        '{"prompt": 7}',
        '{"steps": true}',
        '{"seed": 1.5}',
        '{"length_unit": "years"}',
        '{"length_unit": null}',
        '{"bpm": "fast"}',
    ],
)
def test_a_damaged_file_is_put_aside_and_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "settings.json"
    path.write_text(text)
    read = read_settings(path)
    assert read.settings == Settings()
    assert "damaged" in read.notice
    (aside,) = tmp_path.iterdir()
    assert aside.name in read.notice and aside.read_text() == text


def test_bytes_that_are_no_text_and_folders_in_the_way_are_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(b"\xff\xfe\x00")
    assert "damaged" in read_settings(path).notice
    path.mkdir()
    assert "put aside" in read_settings(path).notice


def test_a_write_that_fails_leaves_the_old_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "settings.json"
    write_settings(path, FULL)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_settings(path, Settings())
    assert read_settings(path).settings == FULL
    assert len(list(tmp_path.iterdir())) == 1


def test_one_variable_moves_every_folder() -> None:
    folders = find_folders({"PINGPAD_HOME": "/somewhere"})
    root = Path("/somewhere")
    for folder in (folders.config, folders.data, folders.logs, folders.takes):
        assert folder.is_relative_to(root)


def test_the_variable_may_name_a_folder_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert find_folders({"PINGPAD_HOME": "stick"}).data.is_relative_to("/stick")


def test_without_the_variable_the_users_own_folders_are_used() -> None:
    folders = find_folders({})
    assert "pingpad" in str(folders.settings_file).lower()
