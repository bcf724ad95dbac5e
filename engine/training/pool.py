"""A run's sounds, encoded as frames or latents, in a memory-mapped cache. Needs torch."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.corpus.captions.lexicon import vocabulary
from engine.corpus.sources.folder import FolderCorpus, own_corpus
from engine.corpus.sources.pairs import PairBatch, PairCorpus
from engine.corpus.sources.real import MixedCorpus, RealCorpus
from engine.corpus.sources.rendered import RenderedCorpus, Sound
from engine.prompts.tokens import split_words
from engine.training.run import distributed
from engine.training.run.errors import RunError
from engine.training.run.run_folder import lock_folder
from engine.training.settings import DatasetConfig

Encode = Callable[[Tensor], Tensor]
"""Encodes stereo sound (B, 2, T) for the pool: (B, L, width)."""
APART = 1_000_000
"""Offset in sound numbers between two buckets of one length."""
MADE_BY = "made-by"
"""The file beside the buckets that holds the fingerprint of what encoded them."""


Corpus = RenderedCorpus | MixedCorpus | FolderCorpus | PairCorpus


@dataclass(frozen=True, slots=True)
class _Hooks:
    show: Callable[[str], None]
    device: str


@dataclass(frozen=True, slots=True)
class _Order:
    """The specification of a bucket; `clips` is 0 for all of a player's own sounds.

    Its first sound is number `first` of the corpus: buckets of one length hold different sounds.
    """

    seconds: float
    clips: int
    batch: int
    pairs: bool
    first: int = 0


class LengthBucket:
    """Sounds of one length: values (clips, L, width) float16 and what each of them is.

    `sources`, of the same shape, are the recordings that pairs were made from, if any.
    """

    def __init__(
        self,
        values: NDArray[np.float16],
        sounds: list[Sound],
        seconds: float,
        sources: NDArray[np.float16] | None = None,
    ) -> None:
        self.values = values
        self.sounds = sounds
        self.seconds = seconds
        self.sources = sources

    def __len__(self) -> int:
        """Return the number of sounds."""
        return len(self.sounds)

    def rows(self, indices: NDArray[np.int64]) -> Tensor:
        """Return float32 values (len(indices), L, width)."""
        return torch.from_numpy(self.values[indices].astype(np.float32))

    def source_rows(self, indices: NDArray[np.int64]) -> Tensor | None:
        """Return sources as `rows` returns values; None if there are none."""
        if self.sources is None:
            return None
        return torch.from_numpy(self.sources[indices].astype(np.float32))


def fill_pool(
    pool: DatasetConfig, encode: Encode, cache: Path, show: Callable[[str], None], device: str
) -> list[LengthBucket]:
    """Render or read, and encode, every bucket; or map the cache of an earlier start.

    Raises CorpusError when the player's own sounds cannot be used, RunError when the disk is full.
    """
    # Where several processes train together the first one fills the pool for all.
    if distributed.is_main_process():
        _fill(pool, encode, cache, _Hooks(show, device))
    distributed.barrier()
    return [_bucket(cache, order) for order in _orders(pool)]


def _bucket(cache: Path, order: _Order) -> LengthBucket:
    stem = _stem(cache, order)
    sounds = [Sound(**entry) for entry in json.loads(stem.with_suffix(".json").read_text())]
    values = np.load(stem.with_suffix(".npy"), mmap_mode="r")
    if order.pairs:
        return LengthBucket(values[:, 0], sounds, order.seconds, values[:, 1])
    return LengthBucket(values, sounds, order.seconds)


def tie_pool(cache: Path, encoder: Mapping[str, Tensor], show: Callable[[str], None]) -> None:
    """Record which weights encode the pool; raises RunError when they have changed.

    Latents of other weights mean other sounds, and the network has learnt the first ones.
    """
    if not distributed.is_main_process():
        return
    path, now = cache / MADE_BY, fingerprint(encoder)
    if any(cache.glob("*.json")):
        if not path.exists():
            show("The pool is of an earlier version, and taken to be made by this codec.")
        elif path.read_text(encoding="utf-8") != now:
            raise RunError(
                f"The codec has been trained anew since the latents in {cache} were made: put the "
                "old one back, or begin in another run folder."
            )
        return
    cache.mkdir(parents=True, exist_ok=True)
    path.write_text(now, encoding="utf-8")


def fingerprint(weights: Mapping[str, Tensor]) -> str:
    """Return a hash of all weights."""
    digest = blake2b(digest_size=16)
    for name, value in weights.items():
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def words_of_pool(pool: DatasetConfig, buckets: list[LengthBucket]) -> tuple[str, ...]:
    """Return the vocabulary of a network trained on the pool.

    For rendered sounds that is every word of the lexicon; real ones add those of their captions.
    """
    known = () if pool.is_own else vocabulary()
    if not pool.is_own and not pool.sources:
        return known
    captions = {sound.caption for bucket in buckets for sound in bucket.sounds}
    found = {
        word.text for caption in captions for word in split_words(caption) if word.kind == "word"
    }
    return (*known, *sorted(found - set(known)))


def _orders(pool: DatasetConfig) -> list[_Order]:
    counts = [(pool.clips, False), (pool.pairs, True)]
    return [
        _Order(
            seconds,
            count,
            pool.render_batch,
            pairs,
            0 if pool.is_own else APART * pool.seconds[:place].count(seconds),
        )
        for each, pairs in counts
        for place, (seconds, count) in enumerate(zip(pool.seconds, each, strict=bool(each)))
        if count or not pairs
    ]


def _stem(cache: Path, order: _Order) -> Path:
    what = "pairs" if order.pairs else "sounds"
    return cache / f"{order.clips}-{what}-of-{round(order.seconds * 1000)}-ms"


def _fill(pool: DatasetConfig, encode: Encode, cache: Path, hooks: _Hooks) -> None:
    asked = [(order, _stem(cache, order)) for order in _orders(pool)]
    if all(_is_whole(stem) for _, stem in asked):
        return
    own: RenderedCorpus | MixedCorpus | FolderCorpus | None = None
    # Post-training runs of one flow share its pool, and two may start at once.
    with lock_folder(cache, f"Another process is making sounds ready in {cache}: wait for it."):
        for order, stem in asked:
            if _is_whole(stem):
                continue
            corpus: Corpus = PairCorpus(pool.seed)
            if not order.pairs:
                own = own or _corpus(pool, hooks.show)
                corpus = own
            try:
                _fill_bucket(corpus, order, encode, stem, hooks)
            except OSError as error:
                raise RunError(
                    f"The sounds could not be kept in {cache} ({error}): make room there."
                ) from error


def _is_whole(stem: Path) -> bool:
    """Return whether a bucket is complete: its list is written last."""
    return stem.with_suffix(".json").exists()


def _reserve(path: Path) -> None:
    """Allocate a file on the disk: on a full one, writing to a mapped page kills the process."""
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def _corpus(
    pool: DatasetConfig, show: Callable[[str], None]
) -> RenderedCorpus | MixedCorpus | FolderCorpus:
    if pool.is_own:
        return own_corpus(pool.folder, pool.shards, pool.seed, show)
    rendered = RenderedCorpus(pool.seed, families=pool.families, free_lengths=pool.free_lengths)
    if not pool.sources:
        return rendered
    return MixedCorpus(rendered, RealCorpus(Path(pool.sources), pool.seed, show), pool.real_share)


def _count(corpus: Corpus) -> int:
    return len(corpus) if isinstance(corpus, FolderCorpus) else 0


def _fill_bucket(corpus: Corpus, order: _Order, encode: Encode, stem: Path, hooks: _Hooks) -> None:
    kept: np.memmap[tuple[int, ...], np.dtype[np.float16]] | None = None
    sounds: list[Sound] = []
    clips, seconds = order.clips or _count(corpus), order.seconds
    size = max(1, min(order.batch, int(order.batch * 1.5 / seconds)))
    while len(sounds) < clips:
        batch = corpus.batch(
            order.first + len(sounds), min(size, clips - len(sounds)), seconds, hooks.device
        )
        with torch.no_grad():
            values = encode(batch.audio)
            if isinstance(batch, PairBatch):
                values = torch.stack([values, encode(batch.sources)], 1)
        encoded = values.cpu().numpy().astype(np.float16)
        if kept is None:
            path = stem.with_suffix(".npy")
            kept = np.lib.format.open_memmap(path, "w+", np.float16, (clips, *encoded.shape[1:]))
            _reserve(path)
        kept[len(sounds) : len(sounds) + len(encoded)] = encoded
        sounds.extend(batch.sounds)
        if len(sounds) % (size * 10) == 0:
            hooks.show(f"made ready {len(sounds)} of {clips} sounds of up to {seconds:g} s")
    if kept is not None:
        kept.flush()
    stem.with_suffix(".json").write_text(json.dumps([asdict(sound) for sound in sounds]))
