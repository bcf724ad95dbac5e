"""Rectified-flow training of transformer and conditioner on a codec's latents. Needs torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from engine.hardware.device import choose_device
from engine.training.flow.batches import BatchSampler, FlowBatch, draw_flow_batch
from engine.training.flow.distillation import GuidanceTeacher
from engine.training.flow.loss import MicrobatchLosses
from engine.training.flow.network import FlowModel
from engine.training.flow.weight_transplant import transplant_weights
from engine.training.pool import LengthBucket, fill_pool, tie_pool, words_of_pool
from engine.training.pretrained import load_base_model, load_codec
from engine.training.run import distributed
from engine.training.run.checkpoint import OPTIMIZER_KEY, VOCABULARY_KEY, vocabulary_of
from engine.training.run.errors import RunError
from engine.training.run.loop import State, StepResult, Trainer, run_steps
from engine.training.run.optimizer import OptimizerState
from engine.training.run.precision import apply_scaling
from engine.training.run.run_folder import RunFolder
from engine.training.run.seeding import LEGACY_FLOW, StepSeeds, Stream
from engine.training.run.throughput import (
    TRAINING_PASSES,
    Work,
    measure_peak_flops,
    transformer_flops,
)
from engine.training.settings import FlowRun

ENCODER_PREFIXES = ("encoder", "mean", "deviation", "latent_")
"""Name prefixes of the codec's weights that determine its latents."""


def train_flow(run: FlowRun, folder: RunFolder) -> None:
    """Train until run.optimiser.steps, resuming from the folder's checkpoint."""
    device = choose_device()
    buckets = load_latent_buckets(run, folder.path, folder.note, device)
    checkpoint = folder.load()
    trainer = FlowTrainer(run, buckets, folder.path, checkpoint, device)
    folder.throughput.set_peak_flops(measure_peak_flops(device, run.scale))
    run_steps(trainer, run.optimiser, folder, checkpoint)


def load_latent_buckets(
    run: FlowRun, folder: Path, show: Callable[[str], None], device: str
) -> list[LengthBucket]:
    """Return the run's sounds as latents of its codec, rendered or cached."""
    codec = load_codec(Path(run.codec))
    if codec.config.latent_dim != run.transformer.io_channels:
        raise RunError(
            f"transformer.io_channels must be the codec's latent_dim {codec.config.latent_dim}, "
            f"got {run.transformer.io_channels}."
        )
    encoder = {k: v for k, v in codec.state_dict().items() if k.startswith(ENCODER_PREFIXES)}
    tie_pool(folder / "pool", encoder, show)
    codec.to(device)
    return fill_pool(
        run.pool,
        lambda audio: codec.encode(audio).transpose(1, 2),
        folder / "pool",
        show,
        device,
    )


class FlowTrainer(Trainer):
    """Updates the velocity network on random batches of latents."""

    def __init__(
        self,
        run: FlowRun,
        buckets: list[LengthBucket],
        folder: Path,
        checkpoint: State | None,
        device: str,
    ) -> None:
        self.seeds = StepSeeds.of_run(run.seed, checkpoint, LEGACY_FLOW)
        self._run, self._device = run, device
        distilling = run.distilled_guidance > 0
        is_new = checkpoint is None
        begin = load_base_model(Path(run.begin)) if run.begin and (distilling or is_new) else None
        if checkpoint is not None:
            # The corpus may have gained words since the run began; the network has not.
            words = vocabulary_of(checkpoint, folder)
        else:
            words = begin[1].vocabulary if begin else ()
            words += tuple(word for word in words_of_pool(run.pool, buckets) if word not in words)
        self._vocabulary = words
        torch.manual_seed(run.seed)
        self._network = FlowModel(run, words).to(device)
        if begin is not None:
            transplant_weights(self._network, begin[0], run)
        self._teacher: GuidanceTeacher | None = None
        if distilling:
            self._teacher = GuidanceTeacher(self._network, run.distilled_guidance)
        apply_scaling(self._network, run.scale)
        self._optimizer = OptimizerState(self._network, run.optimiser)
        microbatches = run.scale.accumulate * distributed.world_size()
        self._sampler = BatchSampler(buckets, run, microbatches)

    def step(self, step: int) -> StepResult:
        """Take one step down the loss of a new batch."""
        latents = self._sampler.draw(self.seeds.rng(step, Stream.BATCH))
        random = self.seeds.generator(step, Stream.NOISE)
        tokenizer = self._network.conditioner.tokenizer
        batch = draw_flow_batch(latents, tokenizer, self._run, random)
        losses = MicrobatchLosses(self._network, batch, self._run, self._device, self._teacher)
        norm = self._optimizer.update_microbatches(losses, self._run.scale.accumulate, step)
        rate = self._optimizer.learning_rate(step + 1)
        work = count_work(batch, self._run)
        return StepResult(work, {"loss": losses.mean}, {"gradient": norm, "rate": rate})

    def state(self) -> State:
        """Return weights, optimizer and vocabulary."""
        return {OPTIMIZER_KEY: self._optimizer.state(), VOCABULARY_KEY: list(self._vocabulary)}

    def restore(self, state: State) -> None:
        """Restore weights and optimizer."""
        self._optimizer.restore(state[OPTIMIZER_KEY])


def count_work(batch: FlowBatch, run: FlowRun) -> Work:
    """Return the number of sounds and of operations of one step."""
    count, _, length = batch.data.shape
    # The length in seconds is one more token beside the words.
    once = transformer_flops(run.transformer, length, batch.tokens.ids.shape[1] + 1)
    return Work(count, TRAINING_PASSES * count * once)
