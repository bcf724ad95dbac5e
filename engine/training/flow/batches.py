"""Batches of latents from length buckets, and the random numbers of a flow step. Needs torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.clip import SAMPLE_RATE_HZ
from engine.models.conditioning import UNKNOWN, PromptTokenizer, Tokens
from engine.sound.spectral_features import FRAME
from engine.training.flow.times import even_log_snr_times, stratified_times
from engine.training.pool import LengthBucket
from engine.training.settings import FlowRun

MIN_LATENTS = 8
FAVOUR_WEIGHT = 4.0
"""How much more often a sound of a favoured family is drawn than another."""
OWN_LENGTH_CHANCE = 0.7
"""How often a batch has a drawn sound's length; otherwise the bucket's."""
FILLED, LEAST_SOUNDS = 0.8, 8
"""Least share of a filled batch's length that a sound has, and least number of such sounds."""
MIN_SOURCE_TIME = 0.4
"""Least time of a noised source: below it a recording should stay as it is."""


@dataclass(frozen=True, slots=True)
class LatentBatch:
    """Latents (B, C, L) with their prompts and requested seconds (B,).

    `sources` are latents of the recordings that pairs are made from, if the bucket has them.
    """

    latents: Tensor
    captions: tuple[str, ...]
    seconds: Tensor
    sources: Tensor | None = None


@dataclass(frozen=True, slots=True)
class FlowBatch:
    """The inputs of one step's loss: latents (B, C, L) and random numbers.

    The prompt of an item whose `keep_prompt` (B,) is False is dropped.
    """

    data: Tensor
    noise: Tensor
    times: Tensor
    tokens: Tokens
    seconds: Tensor
    keep_prompt: Tensor
    sources: Tensor | None = None

    def microbatch(self, items: slice, device: str) -> FlowBatch:
        """Return some of the items, on the device."""
        return FlowBatch(
            self.data[items].to(device),
            self.noise[items].to(device),
            self.times[items].to(device),
            select_prompts(self.tokens, items, device),
            self.seconds[items].to(device),
            self.keep_prompt[items].to(device),
            None if self.sources is None else self.sources[items].to(device),
        )


def select_prompts(tokens: Tokens, items: slice | Tensor, device: str) -> Tokens:
    """Return some of the prompts, on the device."""
    fields = (tokens.ids, tokens.values, tokens.real, tokens.bpm)
    return Tokens(*(field[items].to(device) for field in fields))


class BatchSampler:
    """Draws batches of one length each, with as many tokens a microbatch as the config says.

    A batch has `microbatches` equal ones: one for each process and each accumulation.
    """

    def __init__(self, buckets: list[LengthBucket], run: FlowRun, microbatches: int = 1) -> None:
        self._buckets = buckets
        self._run = run
        self._microbatches = microbatches
        self._lengths = [_lengths_in_latents(bucket) for bucket in buckets]
        self._weights = [_sound_weights(bucket, run.favour) for bucket in buckets]
        self._bucket_shares = _bucket_shares(buckets, self._weights, run.pair_share)

    def draw(self, rng: np.random.Generator) -> LatentBatch:
        """Choose a bucket, a length, and sounds that fit into it."""
        index = int(rng.choice(len(self._buckets), p=self._bucket_shares))
        bucket, weights = self._buckets[index], self._weights[index]
        length = self._draw_length(index, rng)
        lengths = self._lengths[index]
        fitting = np.flatnonzero(lengths <= length)
        if self._run.filled_share and rng.random() < self._run.filled_share:
            filling = np.flatnonzero((lengths <= length) & (lengths > FILLED * length))
            fitting = filling if len(filling) >= LEAST_SOUNDS else fitting
        if len(fitting) == 0:
            fitting = np.arange(len(bucket))
        shares = weights[fitting] / weights[fitting].sum()
        picks = rng.choice(fitting, self._batch_size(length), p=shares)
        latents = bucket.rows(picks)[:, :length].transpose(1, 2)
        sounds = [bucket.sounds[i] for i in picks]
        seconds = torch.tensor([min(sound.seconds, bucket.seconds) for sound in sounds])
        sources = bucket.source_rows(picks)
        if sources is not None:
            sources = sources[:, :length].transpose(1, 2)
        return LatentBatch(latents, tuple(sound.caption for sound in sounds), seconds, sources)

    def _draw_length(self, index: int, rng: np.random.Generator) -> int:
        """Draw a batch's length in latents, a multiple of the patch size.

        It follows sounds' own lengths, so that all lengths that players request are trained.
        """
        patch = self._run.transformer.patch_size
        longest = self._buckets[index].values.shape[1] // patch * patch
        weights = self._weights[index]
        own = int(rng.choice(self._lengths[index], p=weights / weights.sum()))
        length = own if rng.random() < OWN_LENGTH_CHANCE else longest
        return min(-(-max(length, MIN_LATENTS) // patch) * patch, longest)

    def _batch_size(self, length: int) -> int:
        patch = self._run.transformer.patch_size
        size = max(1, self._run.tokens_per_batch * patch // length)
        # A larger batch would repeat sounds.
        return min(size, 4 * self._run.optimiser.batch) * self._microbatches


def _sound_weights(bucket: LengthBucket, favour: tuple[str, ...]) -> NDArray[np.float64]:
    """Return how often each sound of a bucket is drawn, compared with the others."""
    return np.array([FAVOUR_WEIGHT if sound.family in favour else 1.0 for sound in bucket.sounds])


def _bucket_shares(
    buckets: list[LengthBucket], weights: list[NDArray[np.float64]], pair_share: float
) -> NDArray[np.float64]:
    """Return how often each bucket is drawn from: by its weights, all pairs `pair_share`."""
    sums = np.array([each.sum() for each in weights])
    paired = np.array([bucket.sources is not None for bucket in buckets])
    if paired.any() and not paired.all():
        sums[paired] *= pair_share / sums[paired].sum()
        sums[~paired] *= (1 - pair_share) / sums[~paired].sum()
    return sums / sums.sum()


def _lengths_in_latents(bucket: LengthBucket) -> NDArray[np.int64]:
    return np.array(
        [int(np.ceil(sound.seconds * SAMPLE_RATE_HZ / FRAME)) for sound in bucket.sounds]
    )


def draw_flow_batch(
    batch: LatentBatch, tokenizer: PromptTokenizer, run: FlowRun, generator: torch.Generator
) -> FlowBatch:
    """Draw a step's times, noise, dropped prompts and unknown words, for the whole batch."""
    size = len(batch.captions)
    tokens = tokenizer(batch.captions)
    is_unknown = torch.rand(tokens.ids.shape, generator=generator) < run.unknown_word_chance
    ids = tokens.ids.masked_fill(is_unknown & tokens.real, UNKNOWN)
    keep_prompt = torch.rand(size, generator=generator) >= run.prompt_dropout
    if batch.sources is None and run.even_share:
        times = even_log_snr_times(size, generator, run.even_share)
    elif batch.sources is None:
        times = stratified_times(size, generator, run.time_shift, run.time_truncation)
    else:
        times = MIN_SOURCE_TIME + (1 - MIN_SOURCE_TIME) * stratified_times(size, generator, 1.0)
    noise = torch.randn(batch.latents.shape, generator=generator)
    tokens = replace(tokens, ids=ids)
    return FlowBatch(batch.latents, noise, times, tokens, batch.seconds, keep_prompt, batch.sources)
