"""A run's sounds kept at hand, as frames or latents in a memory-mapped cache."""

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

from engine.training import processes
from engine.training.corpus.folder import FolderCorpus, own_corpus
from engine.training.corpus.lexicon import vocabulary
from engine.training.corpus.rendered import RenderedCorpus, Sound
from engine.training.run_folder import RunError, locked
from engine.training.settings import Pool
from engine.words import split_words

Encode = Callable[[Tensor], Tensor]
"""Stereo sound (B, 2, T) to what the pool keeps (B, L, width)."""
MADE_BY = "made-by"
"""The file beside the shelves that holds the fingerprint of what encoded them."""


Corpus = RenderedCorpus | FolderCorpus


@dataclass(frozen=True, slots=True)
class _Hooks:
    show: Callable[[str], None]
    device: str


@dataclass(frozen=True, slots=True)
class _Order:
    seconds: float
    clips: int
    batch: int


class Shelf:
    """Sounds of one length: values (clips, L, width) float16 and what each of them is."""

    def __init__(self, values: NDArray[np.float16], sounds: list[Sound], seconds: float) -> None:
        self.values = values
        self.sounds = sounds
        self.seconds = seconds

    def __len__(self) -> int:
        """How many sounds."""
        return len(self.sounds)

    def rows(self, indices: NDArray[np.int64]) -> Tensor:
        """Return float32 values (len(indices), L, width)."""
        return torch.from_numpy(self.values[indices].astype(np.float32))


def fill_pool(
    pool: Pool, encode: Encode, cache: Path, show: Callable[[str], None], device: str
) -> list[Shelf]:
    """Render or read, and encode, every shelf; or map what an earlier start of the run has left.

    Raises CorpusError when the player's own sounds cannot be used, RunError when the disk is full.
    """
    # Where several processes train together the first one fills the pool for all.
    if processes.is_first():
        _fill(pool, encode, cache, _Hooks(show, device))
    processes.wait()
    shelves = []
    for seconds, clips in zip(pool.seconds, pool.clips, strict=True):
        stem = _stem(cache, seconds, clips)
        sounds = [Sound(**entry) for entry in json.loads(stem.with_suffix(".json").read_text())]
        values = np.load(stem.with_suffix(".npy"), mmap_mode="r")
        shelves.append(Shelf(values, sounds, seconds))
    return shelves


def tie_pool(cache: Path, encoder: Mapping[str, Tensor], show: Callable[[str], None]) -> None:
    """Remember by which weights the pool's values are made; raises RunError when they changed.

    Values of other weights mean other sounds, and the network has learnt from the first ones.
    """
    if not processes.is_first():
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
    """A short text that differs when any of the weights does."""
    digest = blake2b(digest_size=16)
    for name, value in weights.items():
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def words_of_pool(pool: Pool, shelves: list[Shelf]) -> tuple[str, ...]:
    """The words that a network trained on the pool can be told."""
    if not pool.is_own:
        return vocabulary()
    captions = {sound.caption for shelf in shelves for sound in shelf.sounds}
    words = (word for caption in captions for word in split_words(caption))
    return tuple(sorted({word.text for word in words if word.kind == "word"}))


def _stem(cache: Path, seconds: float, clips: int) -> Path:
    return cache / f"{clips}-sounds-of-{round(seconds * 1000)}-ms"


def _fill(pool: Pool, encode: Encode, cache: Path, hooks: _Hooks) -> None:
    asked = list(zip(pool.seconds, pool.clips, strict=True))
    if all(_is_whole(_stem(cache, *pair)) for pair in asked):
        return
    corpus = None
    # Post-trainings of one flow share its pool, and two may start at once.
    with locked(cache, f"Another process is making sounds ready in {cache}: wait for it."):
        for seconds, clips in asked:
            stem = _stem(cache, seconds, clips)
            if _is_whole(stem):
                continue
            corpus = corpus or _corpus(pool, hooks.show)
            order = _Order(seconds, clips or _count(corpus), pool.render_batch)
            try:
                _fill_shelf(corpus, order, encode, stem, hooks)
            except OSError as error:
                raise RunError(
                    f"The sounds could not be kept in {cache} ({error}): make room there."
                ) from error


def _is_whole(stem: Path) -> bool:
    """Whether a shelf was filled to its end: its list is written last."""
    return stem.with_suffix(".json").exists()


def _reserve(path: Path) -> None:
    """Claim a file's room on the disk: a full one would end the process in the middle of a page."""
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def _corpus(pool: Pool, show: Callable[[str], None]) -> Corpus:
    if pool.is_own:
        return own_corpus(pool.folder, pool.shards, pool.seed, show)
    return RenderedCorpus(pool.seed, families=pool.families)


def _count(corpus: Corpus) -> int:
    return len(corpus) if isinstance(corpus, FolderCorpus) else 0


def _fill_shelf(corpus: Corpus, order: _Order, encode: Encode, stem: Path, hooks: _Hooks) -> None:
    kept: np.memmap[tuple[int, ...], np.dtype[np.float16]] | None = None
    sounds: list[Sound] = []
    clips, seconds = order.clips, order.seconds
    size = max(1, min(order.batch, int(order.batch * 1.5 / seconds)))
    while len(sounds) < clips:
        batch = corpus.batch(len(sounds), min(size, clips - len(sounds)), seconds, hooks.device)
        with torch.no_grad():
            encoded = encode(batch.audio).cpu().numpy().astype(np.float16)
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
