from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest

from app.audio.devices.state import MeasuredTrip
from app.model.panel import NOT_SAVED, PanelSettings, panel_of
from app.model.session import Session
from app.model.storage.settings_file import (
    ReadSettings,
    Settings,
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


def test_every_setting_of_the_panel_has_its_name_on_the_session() -> None:
    session = Session()
    for field in fields(PanelSettings):
        assert getattr(session, field.name) == getattr(session.panel, field.name)
        setattr(session, field.name, getattr(FULL, field.name))
    assert session.panel == panel_of(FULL)


def test_a_file_holds_what_it_always_held_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    write_settings(path, replace(FULL, metronome=True))
    names = """
        window_geometry output input input_channels block_frames rate exclusive round_trips prompt
        seconds length_unit bars bpm strength hear_recordings record_from record_start record_bars
        record_threshold_db count_in swap_at play_at_once steps seed model master_gain_db
        midi_channel pad_map midi_lights clock_from clock_to
    """
    assert set(json.loads(path.read_text())) == set(names.split())
    path.write_text('{"metronome": true}')
    assert not read_settings(path).settings.metronome and "metronome" in NOT_SAVED


def test_what_no_control_offers_is_set_right(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(
        '{"record_bars": 3, "record_threshold_db": -99, "master_gain_db": 30, "rate": 7,'
        ' "block_frames": 100}'
    )
    assert read_settings(path).settings == Settings(record_threshold_db=-60.0, master_gain_db=6.0)
