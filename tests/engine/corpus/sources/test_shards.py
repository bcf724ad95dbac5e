"""Tar shards: written, listed, and read from their place without unpacking."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
import torch

from engine.corpus.sources.folder import FolderCorpus, own_corpus
from engine.corpus.sources.listing import CorpusError, list_folder
from engine.corpus.sources.shards import list_shards
from tests.fakes.engine.own_sounds import put, tone


def silent(text: str) -> None:
    raise AssertionError(text)


def write_tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_sounds_come_out_of_shards_as_they_went_in(tmp_path: Path) -> None:
    sounds, shards = tmp_path / "sounds", tmp_path / "shards"
    shards.mkdir()
    for number, name in enumerate(("deep kick", "bright pad", "tom", "café")):
        sound = put(sounds / f"{number}.flac", tone(100 + 70 * number, 0.1))
        sound.with_suffix(".txt").write_text(name, encoding="utf-8")
    files = sorted(sounds.iterdir())
    # As tar itself packs a folder, from the inside.
    for shard, part in (("a.tar", files[:4]), ("b.tar", files[4:])):
        write_tar(shards / shard, {f"./{path.name}": path.read_bytes() for path in part})
    first = FolderCorpus(list_folder(sounds), 1, silent).batch(0, 4, 0.1)
    second = own_corpus("", str(shards), 1, silent).batch(0, 4, 0.1)
    assert sorted(s.caption for s in first.sounds) == ["bright pad", "café", "deep kick", "tom"]
    assert [s.caption for s in first.sounds] == [s.caption for s in second.sounds]
    assert torch.equal(first.audio, second.audio)


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
