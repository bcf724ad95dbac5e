"""The pool of rendered sounds: whole, in order, and mapped again instead of rendered again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.training.corpus.rendered import RenderedCorpus
from engine.training.pool import Shelf, fill_pool
from engine.training.settings import Pool

POOL = Pool(seed=4, families=("drum",), seconds=(0.4, 0.6), clips=(5, 3), render_batch=2)


def loudness(audio: Tensor) -> Tensor:
    """Stands for a codec: one value for each 2048 samples."""
    return audio.square().mean(1).unfold(-1, 2048, 2048).mean(-1, keepdim=True)


def filled(folder: Path) -> list[Shelf]:
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


def test_a_filled_pool_is_not_rendered_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = filled(tmp_path)
    monkeypatch.delattr(RenderedCorpus, "batch")
    again = filled(tmp_path)
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.values, other.values)
        assert one.sounds == other.sounds and one.seconds == other.seconds
