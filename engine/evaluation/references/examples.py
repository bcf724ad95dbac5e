"""Held-out prompts to evaluate with, and their real sounds. Needs torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.clip import SAMPLE_RATE_HZ, Clip
from engine.corpus.sources.rendered import RenderedCorpus, Sound
from engine.evaluation.measures.prompt_claims import Claims, parse_claims
from engine.evaluation.references.embedders import Embedder

LONGEST_S = 4.0
CORPUS_SEED = 7001
"""Differs from the seeds of training; its captions are held out besides."""
FIRST_SEED = 1
RENDER_BATCH = 16
EMBED_BATCH = 16


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt that no training saw, its length in seconds, what it claims, and a real sound."""

    prompt: str
    seconds: float
    seed: int
    claims: Claims
    real: Clip


def render_held_out_examples(
    count: int, show: Callable[[str], None], first: int = 0
) -> list[Example]:
    """Render `count` held-out sounds from number `first` on, the same ones each time."""
    corpus = RenderedCorpus(CORPUS_SEED, "held_out")
    examples: list[Example] = []
    number = first
    while len(examples) < count:
        batch = corpus.batch(number, RENDER_BATCH, LONGEST_S)
        for sound, audio in zip(batch.sounds, batch.audio, strict=True):
            examples.append(make_example(sound, audio, FIRST_SEED + number))
            number += 1
    show(f"{count} held-out prompts, of up to {LONGEST_S:g} s")
    return examples[:count]


def make_example(sound: Sound, audio: Tensor, seed: int) -> Example:
    """Make an example of a rendered sound (2, T)."""
    # The corpus knows what it rendered; a caption's words may name two kinds at once.
    claims = replace(parse_claims(sound.caption), kind=sound.kind, family=sound.family)
    real = cut_clip(audio, sound.seconds)
    return Example(sound.caption, real.seconds, seed, claims, real)


def cut_clip(audio: Tensor, seconds: float) -> Clip:
    """Return the first seconds of (2, T) at SAMPLE_RATE_HZ."""
    samples = audio[:, : round(seconds * SAMPLE_RATE_HZ)].numpy().T
    return Clip(np.ascontiguousarray(samples, np.float32), SAMPLE_RATE_HZ)


def stack_clips(clips: Sequence[Clip]) -> Tensor:
    """Stack clips as (B, 2, T) at 44.1 kHz, shorter ones padded with silence."""
    stereo = [clip.stereo().at_rate(SAMPLE_RATE_HZ).samples for clip in clips]
    audio = torch.zeros(len(stereo), 2, max(len(samples) for samples in stereo))
    for row, samples in zip(audio, stereo, strict=True):
        row[:, : len(samples)] = torch.from_numpy(samples.T.copy())
    return audio


def embed_clips(embedder: Embedder, clips: Sequence[Clip]) -> NDArray[np.float64]:
    """Embed clips: (N, D)."""
    parts = [
        embedder.audio(stack_clips(clips[start : start + EMBED_BATCH]))
        for start in range(0, len(clips), EMBED_BATCH)
    ]
    return torch.cat(parts).double().numpy()
