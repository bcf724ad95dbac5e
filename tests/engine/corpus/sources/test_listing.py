"""Captions of a player's own sounds: where they come from, and what is wrong with them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from engine.corpus.sources.listing import CorpusError, Listing, list_folder


def folder_of(folder: Path, files: dict[str, str | bytes]) -> Listing:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list_folder(folder)


def captions(listing: Listing) -> dict[str, str]:
    return {entry.name: entry.caption for entry in listing.entries}


def test_names_are_captions_where_there_is_nothing_else(tmp_path: Path) -> None:
    listing = folder_of(
        tmp_path,
        {
            "Punchy_909-Kick 03.wav": "",
            "pads/soft.pad.FLAC": "",
            "kick 808.wav": "",
            "001.wav": "",
            "._kick.wav": "",
            "notes.doc": "",
        },
    )
    assert captions(listing) == {
        "Punchy_909-Kick 03.wav": "Punchy 909 Kick",
        "kick 808.wav": "kick 808",
        "pads/soft.pad.FLAC": "soft pad",
    }
    assert listing.problems == ("001.wav: its name says nothing of the sound: add a caption",)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' names are always Unicode")
def test_a_name_that_is_not_utf8_is_no_caption(tmp_path: Path) -> None:
    listing = folder_of(tmp_path, {os.fsdecode(b"caf\xe9 kick.wav"): "", "tom.wav": ""})
    assert list(captions(listing)) == ["tom.wav"]
    assert listing.problems[0].endswith("its name is not UTF-8 text: rename it or add a caption")


def test_captions_beside_sounds_are_text_or_json(tmp_path: Path) -> None:
    listing = folder_of(
        tmp_path,
        {
            "a.wav": "",
            "a.txt": "\ufeffa deep\n kick \n",
            "b.wav": "",
            "b.json": '{"caption": "bright pad in A minor", "bpm": 120}',
            "c.wav": "",
            "c.json": '"only words"',
        },
    )
    assert captions(listing) == {
        "a.wav": "a deep kick",
        "b.wav": "bright pad in A minor",
        "c.wav": "only words",
    }
    assert listing.problems == ()


@pytest.mark.parametrize(
    ("caption", "said"),
    [
        ({}, "it has no caption: add bad.txt"),
        ({"bad.txt": " \n\t"}, "its caption is empty"),
        ({"bad.txt": "!?"}, "its caption is empty"),
        ({"bad.txt": "caf\u00e9".encode("latin-1")}, "its caption is not UTF-8 text"),
        ({"bad.txt": b"\xff\xfek\x00"}, "its caption is not UTF-8 text"),
        ({"bad.json": "{kick"}, "its caption is not JSON"),
        ({"bad.json": '{"words": "kick"}'}, "its caption has no text under caption, text"),
        ({"bad.json": '{"caption": 3}'}, "its caption has no text under caption, text"),
        ({"bad.json": "[]"}, "its caption has no text under caption, text"),
    ],
)
def test_a_bad_caption_leaves_its_sound_out(
    tmp_path: Path, caption: dict[str, str | bytes], said: str
) -> None:
    files: dict[str, str | bytes] = {"bad.wav": "", "good.wav": "", "good.txt": "a kick"}
    listing = folder_of(tmp_path, files | caption)
    assert captions(listing) == {"good.wav": "a kick"}
    assert len(listing.problems) == 1
    assert listing.problems[0].startswith(f"bad.wav: {said}")


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_table_of_captions_as_spreadsheets_write_it(tmp_path: Path, mark: str) -> None:
    rows = [("File", "Caption"), ("a.wav", '"deep, long; kick"'), ("sub\\b.wav", "tom"), ("", "")]
    table = "\ufeff" + "\r\n".join(mark.join(row) for row in rows)
    listing = folder_of(tmp_path, {"captions.csv": table, "a.wav": "", "sub/b.wav": ""})
    assert captions(listing) == {"a.wav": "deep, long; kick", "sub/b.wav": "tom"}
    assert listing.problems == ()


def test_what_is_wrong_with_a_table_is_named_row_by_row(tmp_path: Path) -> None:
    table = "file,caption\na.wav,kick\nb.wav,\ngone.wav,tom\nhalf"
    listing = folder_of(tmp_path, {"captions.csv": table, "a.wav": "", "b.wav": "", "c.wav": ""})
    assert captions(listing) == {"a.wav": "kick"}
    assert listing.problems == (
        "b.wav: its caption in captions.csv is empty",
        "c.wav: captions.csv has no row for it",
        "captions.csv names gone.wav, which is not there",
        "captions.csv names half, which is not there",
    )


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (b"file,caption\na.wav,caf\xe9\n", "is not UTF-8 text"),
        (b"a.wav,kick\n", "must begin with a line that names columns"),
        (b"", "must begin with a line that names columns"),
    ],
)
def test_a_table_that_cannot_be_read_is_an_error(tmp_path: Path, table: bytes, said: str) -> None:
    with pytest.raises(CorpusError, match=said):
        folder_of(tmp_path, {"a.wav": "", "captions.csv": table})
