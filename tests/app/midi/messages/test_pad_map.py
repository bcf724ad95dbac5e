from __future__ import annotations

from pathlib import Path

import pytest

from app.midi.messages.pad_map import (
    DEFAULT_MAP,
    PRESETS,
    PadMap,
    format_pad_map,
    make_chromatic_map,
    read_pad_map,
    read_pad_maps,
)
from engine.files.strict import ConfigError


def test_notes_36_to_51_play_the_sixteen_pads_from_the_bottom_left() -> None:
    pads = read_pad_maps(PRESETS).maps[DEFAULT_MAP]
    assert [pads.find_pad(note) for note in range(36, 52)] == list(range(16))
    assert pads.find_pad(35) is None and pads.find_pad(52) is None
    assert pads.notes[15] == 51


def test_the_mpc_and_the_mpk_have_their_own_order() -> None:
    maps = read_pad_maps(PRESETS).maps
    assert [maps["mpc"].find_pad(note) for note in (37, 36, 42, 82, 53)] == [0, 1, 2, 3, 15]
    assert [maps["mpk-mini"].find_pad(note) for note in (44, 51, 32, 39)] == [0, 7, 8, 15]


def test_every_preset_is_whole() -> None:
    assert read_pad_maps(PRESETS).errors == ()


@pytest.mark.parametrize(
    ("notes", "why"),
    [
        (tuple(range(15)), "16 notes, got 15"),
        (tuple(range(113, 129)), r"0\.\.127, got 128"),
        ((36, *range(36, 51)), "note 36 stands for two pads"),
    ],
)
def test_a_map_that_cannot_play_sixteen_pads_is_refused(notes: tuple[int, ...], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        PadMap("Bad", notes)


@pytest.mark.parametrize(
    "text",
    ["", "name = 'A'\nnotes = ['C1']", "name = 'A'\nnotes = [36]", "no toml", "first_note = 36"],
)
def test_a_file_that_is_no_map_is_left_out_and_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"mine\.toml"):
        read_pad_map(path)
    read = read_pad_maps(PRESETS, tmp_path)
    assert "mine" not in read.maps and "mpc" in read.maps
    assert len(read.errors) == 1 and "mine.toml" in read.errors[0]


def test_a_players_file_replaces_the_preset_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "mpc.toml").write_text(format_pad_map(make_chromatic_map(60)))
    read = read_pad_maps(PRESETS, tmp_path, tmp_path / "not there")
    assert read.maps["mpc"] == make_chromatic_map(60) and read.errors == ()
