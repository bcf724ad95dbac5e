"""Trains our own audio-text model on rendered sounds, apart from the generator. Needs torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from engine.corpus.captions.lexicon import vocabulary, words_of
from engine.corpus.sources.rendered import RenderedCorpus
from engine.hardware.device import autocast, choose_device
from engine.loading.embedder_folder import EmbedderCard, save_embedder
from engine.models.contrastive import LARGEST_SCALE, ContrastiveModel
from engine.sound.mel import mel_frames
from engine.training.pool import LengthBucket, fill_pool
from engine.training.run.checkpoint import OPTIMIZER_KEY, VOCABULARY_KEY
from engine.training.run.loop import State, StepResult, Trainer, run_steps
from engine.training.run.optimizer import OptimizerState
from engine.training.run.run_folder import RunFolder
from engine.training.run.seeding import LEGACY_EMBEDDER, StepSeeds, Stream
from engine.training.run.throughput import Work
from engine.training.settings import EmbedderRun

MODEL_FOLDER = "embedder"
"""The folder of the finished embedder, inside the run's folder."""
HELD_BATCH = 32


@dataclass(frozen=True, slots=True)
class RetrievalAccuracy:
    """Shares 0..1 of sounds whose own caption came first, or among the first five."""

    first: float
    in_five: float


def contrastive_loss(audio: Tensor, text: Tensor, scale: Tensor, same: Tensor) -> Tensor:
    """Symmetric InfoNCE of unit vectors (B, D), in nats.

    `same` (B, B) is True where two items have the same caption: those are positives too, and share
    the target evenly.
    """
    logits = scale * audio @ text.T
    target = same.to(logits) / same.sum(1, keepdim=True)
    to_text = -(target * functional.log_softmax(logits, dim=1)).sum(1)
    to_audio = -(target * functional.log_softmax(logits, dim=0).T).sum(1)
    return (to_text.mean() + to_audio.mean()) / 2


def same_captions(captions: list[str]) -> Tensor:
    """Return (B, B): True where two captions have the same words, in any order."""
    keys = [" ".join(sorted(words_of(caption))) for caption in captions]
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    numbers = torch.tensor([places[key] for key in keys])
    return numbers[:, None] == numbers[None, :]


def measure_retrieval(audio: Tensor, text: Tensor, same: Tensor) -> RetrievalAccuracy:
    """Measure how well sounds retrieve their captions among all; (N, D) each, `same` (N, N)."""
    cosines = audio @ text.T
    best = cosines.masked_fill(~same, -2).amax(1, keepdim=True)
    ahead = ((cosines > best) & ~same).sum(1)
    return RetrievalAccuracy(float((ahead < 1).float().mean()), float((ahead < 5).float().mean()))


def train_embedder(run: EmbedderRun, folder: RunFolder) -> None:
    """Train until run.optimiser.steps, resuming from the folder's checkpoint."""
    device = choose_device()
    buckets = fill_pool(run.pool, mel_frames, folder.path / "pool", folder.note, device)
    checkpoint = folder.load()
    trainer = EmbedderTrainer(run, buckets, checkpoint, device)
    run_steps(trainer, run.optimiser, folder, checkpoint)
    _finish(run, trainer.ema_model(), folder)


class EmbedderTrainer(Trainer):
    """Updates both towers on batches of sounds of one length and their captions."""

    def __init__(
        self, run: EmbedderRun, buckets: list[LengthBucket], checkpoint: State | None, device: str
    ) -> None:
        self.seeds = StepSeeds.of_run(run.seed, checkpoint, LEGACY_EMBEDDER)
        self._run, self._buckets, self._device = run, buckets, device
        # The corpus may have gained words since the run began; the model has not.
        self._words = vocabulary() if checkpoint is None else tuple(checkpoint[VOCABULARY_KEY])
        torch.manual_seed(run.seed)
        self._model = ContrastiveModel(run.sizes, self._words).to(device)
        self._optimizer = OptimizerState(self._model, run.optimiser)

    def step(self, step: int) -> StepResult:
        """Take one step down the contrastive loss of a new batch."""
        rng = self.seeds.rng(step, Stream.BATCH)
        bucket = _draw_bucket(self._buckets, rng)
        chosen = rng.choice(len(bucket), min(self._run.optimiser.batch, len(bucket)), replace=False)
        metrics = _step(self._model, bucket, chosen, self._optimizer, step)
        metrics["rate"] = self._optimizer.learning_rate(step + 1)
        return StepResult(Work(len(chosen)), latest=metrics)

    def state(self) -> State:
        """Return the weights, the optimiser's state and the vocabulary."""
        return {OPTIMIZER_KEY: self._optimizer.state(), VOCABULARY_KEY: list(self._words)}

    def restore(self, state: State) -> None:
        """Restore weights and the optimiser's state."""
        self._optimizer.restore(state[OPTIMIZER_KEY])

    def ema_model(self) -> ContrastiveModel:
        """Return the model with its EMA weights, in evaluation mode."""
        self._model.load_state_dict(self._optimizer.ema)
        return self._model.eval()


def _draw_bucket(buckets: list[LengthBucket], rng: np.random.Generator) -> LengthBucket:
    """Draw a bucket with a probability proportional to its sounds."""
    shares = np.array([len(bucket) for bucket in buckets]) / sum(len(bucket) for bucket in buckets)
    return buckets[rng.choice(len(buckets), p=shares)]


def _step(
    model: ContrastiveModel,
    bucket: LengthBucket,
    chosen: NDArray[np.int64],
    optimizer: OptimizerState,
    step: int,
) -> dict[str, float]:
    captions = [bucket.sounds[i].caption for i in chosen]
    device = model.log_scale.device
    same = same_captions(captions).to(device)
    with autocast(device):
        audio = model.embed_frames(bucket.rows(chosen).to(device))
        text = model.embed_text(captions)
    loss = contrastive_loss(audio, text, model.scale, same)
    norm = optimizer.update(loss, step)
    with torch.no_grad():
        model.log_scale.clamp_(max=math.log(LARGEST_SCALE))
    accuracy = measure_retrieval(audio.detach(), text.detach(), same)
    return {
        "loss": float(loss.detach()),
        "found_first": accuracy.first,
        "scale": float(model.scale.detach()),
        "gradient": norm,
    }


@torch.no_grad()
def measure_on_held_out(model: ContrastiveModel, run: EmbedderRun) -> RetrievalAccuracy:
    """How well the model finds captions that training never saw, among run.held_out of them."""
    corpus = RenderedCorpus(run.pool.seed, "held_out", families=run.pool.families)
    device = str(model.log_scale.device)
    audio, captions = [], []
    seconds = max(run.pool.seconds)
    for start in range(0, run.held_out, HELD_BATCH):
        batch = corpus.batch(start, min(HELD_BATCH, run.held_out - start), seconds, device)
        audio.append(model.embed_audio(batch.audio))
        captions += [sound.caption for sound in batch.sounds]
    same = same_captions(captions).to(device)
    return measure_retrieval(torch.cat(audio), model.embed_text(captions), same)


def _finish(run: EmbedderRun, model: ContrastiveModel, folder: RunFolder) -> None:
    accuracy = measure_on_held_out(model, run)
    folder.note(
        f"of {run.held_out} held-out captions the right one came first for {accuracy.first:.0%} "
        f"of the sounds, among the first five for {accuracy.in_five:.0%}"
    )
    sounds = sum(run.pool.clips)
    card = EmbedderCard(
        name="Pingpad embedder",
        licence="MIT",
        trained_on=f"{sounds} sounds that engine/corpus renders, seed {run.pool.seed}.",
        seed=run.seed,
        steps=run.optimiser.steps,
        candidates=run.held_out,
        found_first=accuracy.first,
        found_in_five=accuracy.in_five,
        sizes=model.config,
        vocabulary=model.tokenizer.vocabulary,
    )
    save_embedder(folder.path / MODEL_FOLDER, model, card)
