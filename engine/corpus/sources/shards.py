"""Sounds in tar shards, as WebDataset lays them out: key.wav beside key.txt. Training process.

Nothing is unpacked: a shard is read through once, and each sound later from its place in it.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

from engine.corpus.sources.listing import (
    CAPTION_SUFFIXES,
    CaptionError,
    CorpusError,
    Entry,
    Listing,
    caption_of_bytes,
    is_sound,
)


def list_shards(path: Path) -> Listing:
    """List one shard, or all .tar files of a folder; raises CorpusError where there is none."""
    shards = sorted(path.glob("*.tar")) if path.is_dir() else [path]
    if not shards or not shards[0].is_file():
        raise CorpusError(f"{path} is no tar file and no folder that holds any.")
    entries: list[Entry] = []
    problems: list[str] = []
    for shard in shards:
        try:
            found = _list_shard(shard)
        except (tarfile.TarError, OSError) as error:
            raise CorpusError(f"{shard} is no whole, uncompressed tar file ({error}).") from error
        entries += found.entries
        problems += found.problems
    return Listing(tuple(entries), tuple(problems))


def _list_shard(shard: Path) -> Listing:
    sounds: dict[str, tarfile.TarInfo] = {}
    captions: dict[str, tuple[bytes, str]] = {}
    with tarfile.open(shard, "r:") as tar:
        for member in tar:
            folder, slash, name = member.name.rpartition("/")
            # A WebDataset key ends at the first dot of the name.
            stem, _, kind = name.partition(".")
            key, suffix = f"{folder}{slash}{stem}", f".{kind.lower()}"
            if not member.isfile():
                continue
            if is_sound(f"x{suffix}") and not name.startswith("."):
                sounds[key] = member
            elif suffix in CAPTION_SUFFIXES:
                file = tar.extractfile(member)
                captions[key] = (file.read() if file else b"", suffix)
    entries, problems = [], []
    for key, member in sounds.items():
        name = f"{shard.name}/{member.name}"
        try:
            if key not in captions:
                raise CaptionError(f"it has no caption: add {key}.txt to the shard")
            caption = caption_of_bytes(*captions[key])
            entries.append(Entry(name, caption, shard, member.offset_data, member.size))
        except CaptionError as error:
            problems.append(f"{name}: {error}")
    return Listing(tuple(entries), tuple(problems))
