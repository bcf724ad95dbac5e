"""The pool of rendered sounds: whole, in order, and mapped again instead of rendered again."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.corpus.sources.pairs import PairCorpus
from engine.corpus.sources.rendered import RenderedCorpus
from engine.training.pool import LengthBucket, fill_pool, words_of_pool
from engine.training.run.errors import RunError
from engine.training.run.run_folder import lock_folder
from engine.training.settings import DatasetConfig
from tests.fakes.engine.own_sounds import put
from tests.fakes.engine.tiny_runs import largest_file

POOL = DatasetConfig(seed=4, families=("drum",), seconds=(0.4, 0.6), clips=(5, 3), render_batch=2)


def loudness(audio: Tensor) -> Tensor:
    """Stands for a codec: one value for each 2048 samples."""
    return audio.square().mean(1).unfold(-1, 2048, 2048).mean(-1, keepdim=True)


def filled(folder: Path) -> list[LengthBucket]:
    return fill_pool(POOL, loudness, folder / "pool", lambda text: None, "cpu")


def test_shelves_hold_the_corpus_in_order(tmp_path: Path) -> None:
    short, long = filled(tmp_path)
    assert (len(short), len(long)) == (5, 3)
    assert short.values.dtype == np.float16
    corpus = RenderedCorpus(4, families=("drum",))
    for first in (0, 2):
        batch = corpus.batch(first, 2, 0.4)
        assert tuple(short.sounds[first : first + 2]) == batch.sounds
        rows = short.rows(np.arange(first, first + 2))
        assert rows.dtype == torch.float32
        assert torch.allclose(rows, loudness(batch.audio), rtol=1e-2, atol=1e-3)


def test_shelves_of_one_length_hold_different_sounds(tmp_path: Path) -> None:
    pool = replace(POOL, seconds=(0.4, 0.4), clips=(4, 6))
    first, second = fill_pool(pool, loudness, tmp_path / "pool", lambda text: None, "cpu")
    captions = [{sound.caption for sound in shelf.sounds} for shelf in (first, second)]
    assert not captions[0] & captions[1]
    assert not np.array_equal(first.values, second.values[:4])


def test_a_shelf_of_pairs_holds_each_sound_and_its_source(tmp_path: Path) -> None:
    pool = replace(POOL, pairs=(0, 4))
    *sounds, pairs = fill_pool(pool, loudness, tmp_path / "pool", lambda text: None, "cpu")
    assert [bucket.sources for bucket in sounds] == [None, None] and len(pairs) == 4
    for first in (0, 2):
        batch, which = PairCorpus(4).batch(first, 2, 0.6), np.arange(first, first + 2)
        assert tuple(pairs.sounds[first : first + 2]) == batch.sounds
        assert torch.allclose(pairs.rows(which), loudness(batch.audio), rtol=1e-2, atol=1e-3)
        sources = pairs.source_rows(which)
        assert sources is not None
        assert torch.allclose(sources, loudness(batch.sources), rtol=1e-2, atol=1e-3)


def test_a_filled_pool_is_not_rendered_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = filled(tmp_path)
    monkeypatch.delattr(RenderedCorpus, "batch")
    again = filled(tmp_path)
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.values, other.values)
        assert one.sounds == other.sounds and one.seconds == other.seconds


def test_one_process_alone_fills_a_pool_and_all_may_read_it(tmp_path: Path) -> None:
    with (
        lock_folder(tmp_path / "pool", "held"),
        pytest.raises(RunError, match=r"Another process is making sounds ready in .*pool: wait"),
    ):
        filled(tmp_path)
    filled(tmp_path)
    with lock_folder(tmp_path / "pool", "held"):
        assert [len(bucket) for bucket in filled(tmp_path)] == [5, 3]


def test_a_shelf_of_own_sounds_holds_each_once_and_knows_its_words(tmp_path: Path) -> None:
    for name in ("Deep kick 808", "soft pad A3", "tom 90 bpm"):
        put(tmp_path / "sounds" / f"{name}.wav")
    pool = DatasetConfig(seconds=(0.4,), clips=(0,), folder=str(tmp_path / "sounds"))
    buckets = fill_pool(pool, loudness, tmp_path / "pool", print, "cpu")
    assert [len(bucket) for bucket in buckets] == [3]
    captions = {sound.caption for sound in buckets[0].sounds}
    assert captions == {"Deep kick 808", "soft pad A3", "tom 90 bpm"}
    assert words_of_pool(pool, buckets) == ("bpm", "deep", "kick", "pad", "soft", "tom")
    (tmp_path / "sounds" / "tom 90 bpm.wav").unlink()
    again = fill_pool(pool, loudness, tmp_path / "pool", print, "cpu")
    assert len(again[0]) == 3


def test_real_sounds_add_the_words_of_their_captions(tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    put(sources / "set" / "a.wav")
    (sources / "set" / "captions.csv").write_text("file,caption\na.wav,a flugelhorn thing\n")
    pool = replace(POOL, sources=str(sources), real_share=1.0)
    with pytest.raises(ValueError, match="real_share"):
        replace(POOL, real_share=2.0)
    buckets = fill_pool(pool, loudness, tmp_path / "pool", lambda text: None, "cpu")
    assert {sound.kind for sound in buckets[0].sounds} == {"recording"}
    words = words_of_pool(pool, buckets)
    assert "flugelhorn" in words and "kick" in words
    assert len(words) == len(set(words))


def test_a_pool_has_one_source_and_only_own_sounds_can_be_counted() -> None:
    with pytest.raises(ValueError, match="not from both"):
        DatasetConfig(folder="a", shards="b")
    with pytest.raises(ValueError, match="must be above 0"):
        DatasetConfig(seconds=(1.0,), clips=(0,))


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are POSIX")
def test_a_full_disk_is_told_and_the_pool_made_again(tmp_path: Path) -> None:
    with (
        largest_file(150),
        pytest.raises(RunError, match=r"could not be kept in .*make room there"),
    ):
        filled(tmp_path)
    assert [len(bucket) for bucket in filled(tmp_path)] == [5, 3]


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="there is no such call")
def test_room_for_a_shelf_is_claimed_before_its_sounds_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, first: int, length: int) -> None:
        assert length > 0
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(RunError, match="No space left on device"):
        filled(tmp_path)
