"""Everything real that a folder of sources holds, alone or mixed with rendered sounds.

Training process. The folder holds soundfonts (*.sf2) and, a subfolder each, sets of recordings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import torch

from engine.clip import SAMPLE_RATE_HZ
from engine.corpus.sources.listing import TABLE, CorpusError
from engine.corpus.sources.recordings import RecordingCorpus
from engine.corpus.sources.rendered import CorpusBatch, RenderedCorpus, seed_of
from engine.corpus.sources.soundfont import SoundfontCorpus

NOTE_SHARE = 0.45
"""Of real batches, those that soundfonts render; all soundfonts together."""
LAYER_SHARE = 0.08


class RealCorpus:
    """Notes of soundfonts and recordings: a batch is of one source.

    A set is a folder with captions.csv. Raises CorpusError where there is neither a set nor a
    soundfont; with one of them it goes on.
    """

    def __init__(
        self, folder: Path, seed: int, show: Callable[[str], None], split: str = "train"
    ) -> None:
        if not folder.is_dir():
            raise CorpusError(f"There is no folder {folder}: fetch the sources first.")
        self.seed, self.split = seed, split
        fonts = sorted(folder.glob("*.sf2"))
        self.fonts = [SoundfontCorpus(path, seed, split) for path in fonts]
        sets = sorted(path.parent for path in folder.glob(f"*/{TABLE}"))
        self.recordings = RecordingCorpus(sets, seed, show, split) if sets else None
        if not self.fonts and self.recordings is None:
            raise CorpusError(f"{folder} holds no soundfont and no recordings.")

    def batch(
        self, index: int, size: int, max_seconds: float, device: torch.device | str = "cpu"
    ) -> CorpusBatch:
        """Sounds of batch `index`, at most max_seconds of each; some are two at once."""
        rng = Random(seed_of(f"real/{self.seed}/{self.split}/{index}/{max_seconds}"))
        is_note = self.recordings is None or (self.fonts and rng.random() < NOTE_SHARE)
        corpus = rng.choice(self.fonts) if is_note else self.recordings
        assert corpus is not None
        batch = corpus.batch(index, size, max_seconds, device)
        return _layer(batch, rng)


class MixedCorpus:
    """Batches of real sounds among rendered ones, `share` of all."""

    def __init__(self, rendered: RenderedCorpus, real: RealCorpus, share: float) -> None:
        self.rendered, self.real, self.share = rendered, real, share

    def batch(
        self, index: int, size: int, max_seconds: float, device: torch.device | str = "cpu"
    ) -> CorpusBatch:
        """Sounds of batch `index`, at most max_seconds of each."""
        rng = Random(seed_of(f"mixed/{self.real.seed}/{index}/{max_seconds}"))
        corpus = self.real if rng.random() < self.share else self.rendered
        return corpus.batch(index, size, max_seconds, device)


def _layer(batch: CorpusBatch, rng: Random) -> CorpusBatch:
    """Add to some sounds the next one, quieter and a little later; the caption names both."""
    audio, sounds = batch.audio.clone(), list(batch.sounds)
    longest = audio.shape[-1] / SAMPLE_RATE_HZ
    for row in range(len(sounds) - 1):
        if rng.random() >= LAYER_SHARE:
            continue
        first, second = batch.sounds[row], batch.sounds[row + 1]
        delay = rng.randrange(batch.audio.shape[-1] // 3)
        above = rng.uniform(0.2, 0.8) * batch.audio[row + 1, :, : batch.audio.shape[-1] - delay]
        both = batch.audio[row].clone()
        both[:, delay:] += above
        audio[row] = both * (0.9 / both.abs().max())
        seconds = max(first.seconds, min(second.seconds + delay / SAMPLE_RATE_HZ, longest))
        caption = f"{first.caption} and {second.caption}"
        sounds[row] = replace(first, caption=caption, seconds=seconds, pitch=None)
    return CorpusBatch(audio, tuple(sounds))
