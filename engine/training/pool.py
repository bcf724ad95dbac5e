"""Rendered sounds kept at hand for a run, as frames or latents in a memory-mapped cache."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.training.corpus.rendered import RenderedCorpus, Sound
from engine.training.settings import Pool

Encode = Callable[[Tensor], Tensor]
"""Stereo sound (B, 2, T) to what the pool keeps (B, L, width)."""


@dataclass(frozen=True, slots=True)
class _Hooks:
    show: Callable[[str], None]
    device: str


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
    """Render and encode every shelf, or map what an earlier start of the run has left."""
    cache.mkdir(parents=True, exist_ok=True)
    shelves = []
    for seconds, clips in zip(pool.seconds, pool.clips, strict=True):
        stem = cache / f"{clips}-sounds-of-{round(seconds * 1000)}-ms"
        if not stem.with_suffix(".json").exists():
            _render_shelf(pool, seconds, clips, encode, stem, _Hooks(show, device))
        sounds = [Sound(**entry) for entry in json.loads(stem.with_suffix(".json").read_text())]
        values = np.load(stem.with_suffix(".npy"), mmap_mode="r")
        shelves.append(Shelf(values, sounds, seconds))
    return shelves


def _render_shelf(
    pool: Pool, seconds: float, clips: int, encode: Encode, stem: Path, hooks: _Hooks
) -> None:
    corpus = RenderedCorpus(pool.seed, families=pool.families)
    kept: np.memmap[tuple[int, ...], np.dtype[np.float16]] | None = None
    sounds: list[Sound] = []
    size = max(1, min(pool.render_batch, int(pool.render_batch * 1.5 / seconds)))
    while len(sounds) < clips:
        batch = corpus.batch(len(sounds), min(size, clips - len(sounds)), seconds, hooks.device)
        with torch.no_grad():
            encoded = encode(batch.audio).cpu().numpy().astype(np.float16)
        if kept is None:
            kept = np.lib.format.open_memmap(
                stem.with_suffix(".npy"), "w+", np.float16, (clips, *encoded.shape[1:])
            )
        kept[len(sounds) : len(sounds) + len(encoded)] = encoded
        sounds.extend(batch.sounds)
        if len(sounds) % (size * 10) == 0:
            hooks.show(f"rendered {len(sounds)} of {clips} sounds of up to {seconds:g} s")
    if kept is not None:
        kept.flush()
    # The list is written last: a shelf that has one is whole.
    stem.with_suffix(".json").write_text(json.dumps([asdict(sound) for sound in sounds]))
