"""Tar shards: written, listed, and read from their place without unpacking."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
import torch
from own_sounds import put, tone

from engine.training.corpus.folder import FolderCorpus, own_corpus
from engine.training.corpus.listing import CorpusError, list_folder
from engine.training.corpus.shards import list_shards, write_shards


def silent(text: str) -> None:
    raise AssertionError(text)


def test_sounds_come_out_of_shards_as_they_went_in(tmp_path: Path) -> None:
    for number, name in enumerate(("deep kick", "bright pad", "tom", "café")):
        put(tmp_path / "sounds" / f"{name}.flac", tone(100 + 70 * number, 0.1))
    listing = list_folder(tmp_path / "sounds")
    assert write_shards(listing.entries, tmp_path / "shards", shard_sounds=3) == 2
    found = sorted(path.name for path in (tmp_path / "shards").iterdir())
    assert found == ["sounds-000000.tar", "sounds-000001.tar"]
    first = FolderCorpus(listing, 1, silent).batch(0, 4, 0.1)
    second = own_corpus("", str(tmp_path / "shards"), 1, silent).batch(0, 4, 0.1)
    assert [s.caption for s in first.sounds] == [s.caption for s in second.sounds]
    assert torch.equal(first.audio, second.audio)


def write_tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_a_shard_of_another_hand_is_read_by_its_keys(tmp_path: Path) -> None:
    sound = put(tmp_path / "kick.wav").read_bytes()
    shard = write_tar(
        tmp_path / "a.tar",
        {
            "set/0001.wav": sound,
            "set/0001.json": b'{"text": "deep kick"}',
            "set/0001.meta.json": b"{",
            "set/0002.wav": sound,
            "set/0003.txt": b"a caption alone",
            "set/0004.wav": sound,
            "set/0004.txt": b"caf\xe9",
            "readme": b"",
        },
    )
    listing = list_shards(shard)
    assert [(entry.name, entry.caption) for entry in listing.entries] == [
        ("a.tar/set/0001.wav", "deep kick")
    ]
    assert listing.entries[0].read() == sound
    assert listing.problems == (
        "a.tar/set/0002.wav: it has no caption: add set/0002.txt to the shard",
        "a.tar/set/0004.wav: its caption is not UTF-8 text: save it as UTF-8",
    )


def test_what_is_no_whole_tar_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no tar file and no folder"):
        list_shards(tmp_path / "nowhere")
    with pytest.raises(CorpusError, match="no tar file and no folder"):
        list_shards(tmp_path)
    (tmp_path / "text.tar").write_text("no tar file at all")
    with pytest.raises(CorpusError, match=r"text\.tar is no whole, uncompressed tar file"):
        list_shards(tmp_path)
    whole = write_tar(tmp_path / "whole.tar", {"a.wav": bytes(50_000), "a.txt": b"kick"})
    half = tmp_path / "half.tar"
    half.write_bytes(whole.read_bytes()[:20_000])
    with pytest.raises(CorpusError, match=r"half\.tar is no whole"):
        list_shards(half)
