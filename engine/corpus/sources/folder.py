"""A player's own sounds as a corpus: checked, brought to stereo at 44.1 kHz, cropped or padded.

Training process. The only module of the training that reads audio files; what reads them is
imported at the first sound, since a machine that only renders its corpus need not have it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from engine.clip import SAMPLE_RATE_HZ, Clip, ClipError
from engine.corpus.sources.listing import CorpusError, Entry, Listing, list_folder
from engine.corpus.sources.rendered import CorpusBatch, Sound
from engine.corpus.sources.shards import list_shards

LONGEST_READ_S = 600.0
SHORTEST_S = 0.01
SILENCE = 1e-4
"""A peak below this, -80 dB, is silence."""
PEAK = 0.9
FADE_S = 0.005
SHOWN_PROBLEMS = 20
PROGRESS_EVERY = 200


class SoundError(ValueError):
    """One sound that cannot be used; the text says why."""


class FolderCorpus:
    """Sounds by number, each of the folder once before any repeats; deterministic by seed.

    Sounds that cannot be used are left out and named to `show`. Raises CorpusError when none is
    left.
    """

    def __init__(
        self,
        listing: Listing,
        seed: int,
        show: Callable[[str], None],
        sample_rate: int = SAMPLE_RATE_HZ,
    ) -> None:
        self.seed, self.sample_rate = seed, sample_rate
        self.entries, problems = _drop_unusable(listing, sample_rate, show)
        for problem in problems[:SHOWN_PROBLEMS]:
            show(f"left out: {problem}")
        if len(problems) > SHOWN_PROBLEMS:
            show(f"left out: {len(problems) - SHOWN_PROBLEMS} more")
        if not self.entries:
            first = problems[0] if problems else "there are no sounds"
            raise CorpusError(f"No sound can be used; the first of {len(problems)}: {first}.")
        order = np.random.default_rng(seed).permutation(len(self.entries))
        self._order = [int(place) for place in order]

    def __len__(self) -> int:
        """How many sounds can be used."""
        return len(self.entries)

    def batch(
        self, index: int, size: int, max_seconds: float, device: torch.device | str = "cpu"
    ) -> CorpusBatch:
        """Sounds number index up to index + size, at most max_seconds of each, peak 0.9.

        A longer sound is heard from its beginning first, later from anywhere.
        """
        frames = round(max_seconds * self.sample_rate)
        audio = torch.zeros(size, 2, frames)
        sounds = []
        for row in range(size):
            entry = self.entries[self._order[(index + row) % len(self)]]
            samples = self._excerpt(entry, index + row, frames)
            audio[row, :, : samples.shape[0]] = torch.from_numpy(samples.T.copy())
            sounds.append(_sound(entry, samples.shape[0] / self.sample_rate))
        return CorpusBatch(audio.to(device), tuple(sounds))

    def _excerpt(self, entry: Entry, number: int, frames: int) -> NDArray[np.float32]:
        try:
            samples = decode_sound(entry.read(), self.sample_rate)
        except (SoundError, OSError) as error:
            raise CorpusError(f"{entry.name} changed while it was read: {error}.") from error
        start, spare = 0, samples.shape[0] - frames
        if spare > 0:
            if number >= len(self):
                start = int(np.random.default_rng((self.seed, number)).integers(0, spare + 1))
            if np.abs(samples[start : start + frames]).max() < SILENCE:
                loudest = int(np.abs(samples).max(axis=1).argmax())
                start = min(max(0, loudest - frames // 4), spare)
            fade = min(round(FADE_S * self.sample_rate), frames)
            samples = samples[start : start + frames].copy()
            samples[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)[:, None]
            if start > 0:
                samples[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)[:, None]
        peak = np.float32(np.abs(samples).max())
        return samples * (np.float32(PEAK) / max(peak, np.float32(SILENCE)))


def own_corpus(folder: str, shards: str, seed: int, show: Callable[[str], None]) -> FolderCorpus:
    """Open a folder of sounds, or of tar shards where `folder` is empty."""
    listing = list_folder(Path(folder)) if folder else list_shards(Path(shards))
    return FolderCorpus(listing, seed, show)


def decode_sound(content: bytes, rate: int) -> NDArray[np.float32]:
    """Decode an audio file to stereo (frames, 2) at `rate`; raises SoundError saying why not."""
    import io

    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            own_rate = int(file.samplerate)
            samples = file.read(int(LONGEST_READ_S * own_rate), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
        raise SoundError(f"it could not be read as audio ({_short(error)})") from error
    if samples.shape[0] < SHORTEST_S * own_rate:
        raise SoundError(f"it is too short to hear: {samples.shape[0]} samples")
    try:
        clip = Clip(np.ascontiguousarray(samples), own_rate).stereo().at_rate(rate)
    except ClipError as error:
        raise SoundError(str(error)) from error
    if np.abs(clip.samples).max() < SILENCE:
        raise SoundError("it is silent")
    return np.array(clip.samples)


def _short(error: Exception) -> str:
    """Return libsndfile's message without its name for a file in memory."""
    return str(error).rpartition(": ")[2].rstrip(".")


def _drop_unusable(
    listing: Listing, rate: int, show: Callable[[str], None]
) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """Return the usable sounds, and a sentence for each unusable one."""
    good, problems = [], list(listing.problems)
    for count, entry in enumerate(listing.entries, 1):
        try:
            decode_sound(entry.read(), rate)
            good.append(entry)
        except (SoundError, OSError) as error:
            problems.append(f"{entry.name}: {error}")
        if count % PROGRESS_EVERY == 0:
            show(f"checked {count} of {len(listing.entries)} sounds")
    return tuple(good), tuple(problems)


def _sound(entry: Entry, seconds: float) -> Sound:
    """What is known of a recording: its words and its length."""
    return Sound("own", "own", entry.caption, seconds, None, None, *([math.nan] * 4))
