"""Recordings with captions as a corpus: tuned, cut and treated as a producer would.

Training process. Several folders are one corpus; each has its captions as `listing` reads them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray

from engine.clip import SAMPLE_RATE_HZ
from engine.corpus.sources.folder import SoundError, decode_sound
from engine.corpus.sources.held_out import is_held_out
from engine.corpus.sources.listing import CorpusError, Entry, list_folder
from engine.corpus.sources.production import fit, produce
from engine.corpus.sources.rendered import CorpusBatch, Sound, seed_of

SEMITONES = (0, 0, 0, 0, -4, -3, -2, -1, 1, 2, 3, 4)
LONG_ENOUGH = 1.6
"""Above so many times the asked length a recording is also cut from within."""
MOST_TRIES = 50
NOTE = re.compile(r"\b[A-G][#b]?-?\d\b")


class RecordingCorpus:
    """Sounds by number: a batch is the same for the same folders, seed, split, index and size.

    Held out are whole instruments of a set. Instruments with many recordings are drawn more often,
    by the root of their number. What cannot be used is left out and named to `show`.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        seed: int,
        show: Callable[[str], None],
        split: str = "train",
        sample_rate: int = SAMPLE_RATE_HZ,
    ) -> None:
        self.seed, self.split, self.show, self.sample_rate = seed, split, show, sample_rate
        self.groups: dict[str, list[Entry]] = {}
        for folder in folders:
            listing = list_folder(folder)
            for problem in listing.problems:
                show(f"left out: {problem}")
            for entry in listing.entries:
                group = f"{folder.name}/{_instrument(entry)}"
                if is_held_out(group) == (split == "held_out"):
                    self.groups.setdefault(group, []).append(entry)
        if not self.groups:
            raise CorpusError(f"{', '.join(map(str, folders))} hold no recordings to use.")
        self._names = sorted(self.groups)
        self._weights = [math.sqrt(len(self.groups[name])) for name in self._names]
        self._unusable: set[str] = set()

    def __len__(self) -> int:
        """How many recordings."""
        return sum(len(entries) for entries in self.groups.values())

    def batch(
        self, index: int, size: int, max_seconds: float, device: torch.device | str = "cpu"
    ) -> CorpusBatch:
        """Sounds of batch `index`, at most max_seconds of each."""
        rng = Random(seed_of(f"recordings/{self.seed}/{self.split}/{index}/{max_seconds}"))
        made = [self.sound(rng, max_seconds) for _ in range(size)]
        audio = torch.from_numpy(np.stack([samples.T for samples, _ in made]))
        return CorpusBatch(audio.to(device), tuple(sound for _, sound in made))

    def sound(self, rng: Random, max_seconds: float) -> tuple[NDArray[np.float32], Sound]:
        """Draw one sound (frames, 2), padded to max_seconds."""
        for _ in range(MOST_TRIES):
            name = rng.choices(self._names, self._weights)[0]
            entry = rng.choice(self.groups[name])
            try:
                samples = self._cut(entry, rng, round(max_seconds * self.sample_rate))
            except (SoundError, OSError) as error:
                if entry.name not in self._unusable:
                    self._unusable.add(entry.name)
                    self.show(f"left out: {entry.name}: {error}")
                continue
            found = fit(produce(samples, rng, self.sample_rate), max_seconds, self.sample_rate)
            if found is not None:
                return found.samples, Sound(
                    "recording",
                    "real",
                    entry.caption,
                    found.seconds,
                    None,
                    None,
                    *([math.nan] * 4),
                )
        raise CorpusError(f"{MOST_TRIES} recordings in a row cannot be used.")

    def _cut(self, entry: Entry, rng: Random, frames: int) -> NDArray[np.float32]:
        """A recording, tuned where its caption says no note, from its start or from within."""
        semitones = rng.choice(SEMITONES)
        tuned = 1.0 if NOTE.search(entry.caption) else 2 ** (semitones / 12)
        samples = decode_sound(entry.read(), round(self.sample_rate / tuned))
        if len(samples) > LONG_ENOUGH * frames and rng.random() < 0.5:
            start = rng.randrange(len(samples) - frames)
            samples = samples[start : start + frames].copy()
            fade = round(0.005 * self.sample_rate)
            samples[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)[:, None]
        return samples[:frames]


def _instrument(entry: Entry) -> str:
    """What a recording is of: its caption up to the first comma."""
    return entry.caption.partition(",")[0].strip().lower()
