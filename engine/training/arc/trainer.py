"""Adversarial relativistic-contrastive post-training of a flow model. Needs torch.

"Fast Text-to-Audio Generation with Adversarial Post-Training", sections 2.2 to 2.5: generator and
discriminator both begin as the flow model and are updated in turn.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.hardware.device import choose_device
from engine.models.conditioning import Tokens
from engine.models.discriminators import Discriminator
from engine.sampling.path import add_noise, predict_x0
from engine.training.arc import losses
from engine.training.arc.batches import ArcBatch, draw_arc_batch
from engine.training.arc.ode_warm_up import WarmUpLosses
from engine.training.flow.batches import BatchSampler
from engine.training.flow.network import FlowModel
from engine.training.flow.trainer import load_latent_buckets
from engine.training.run import distributed
from engine.training.run.checkpoint import (
    OPTIMIZER_KEY,
    VOCABULARY_KEY,
    ema_weights,
    read_checkpoint,
    vocabulary_of,
)
from engine.training.run.errors import RunError
from engine.training.run.loop import Metrics, State, StepResult, Trainer, run_steps
from engine.training.run.optimizer import OptimizerState
from engine.training.run.precision import apply_scaling, mixed_precision
from engine.training.run.run_folder import CONFIG, RunFolder
from engine.training.run.seeding import LEGACY_ADVERSARIAL, StepSeeds, Stream
from engine.training.run.throughput import (
    TRAINING_PASSES,
    Work,
    measure_peak_flops,
    transformer_flops,
)
from engine.training.settings import ArcRun, FlowRun, read_run

CRITIC_KEY = "critic"
"""Key of the discriminator's OptimizerState in a checkpoint."""
WINNING_LOSS = 0.02
"""A discriminator's loss below this leaves the generator nothing to learn from."""
SETTLING_STEPS = 100
"""By this step a new discriminator should tell prompts apart; earlier, accuracy is random."""
COLLAPSED_DIVERSITY = 0.1
"""Below this share of the real sounds' spread the generator has collapsed to one sound."""


def train_arc(run: ArcRun, folder: RunFolder) -> None:
    """Post-train until run.optimiser.steps, resuming from the folder's checkpoint."""
    device = choose_device()
    base = read_run(Path(run.flow) / CONFIG)
    if not isinstance(base, FlowRun):
        raise RunError(f"{run.flow} is no flow run.")
    generator, critic = load_networks(run, base, device)
    buckets = load_latent_buckets(base, Path(run.flow), folder.note, device)
    # The discriminator sees no source, so it cannot score how a sound follows its recording.
    unpaired = [bucket for bucket in buckets if bucket.sources is None]
    if run.tokens_per_batch:
        base = replace(base, tokens_per_batch=run.tokens_per_batch)
    sampler = BatchSampler(unpaired, base, run.scale.accumulate * distributed.world_size())
    checkpoint = folder.load()
    seeds = StepSeeds.of_run(run.seed, checkpoint, LEGACY_ADVERSARIAL)
    trainer = AdversarialTrainer(run, generator, critic, sampler, seeds, device)
    folder.throughput.set_peak_flops(measure_peak_flops(device, run.scale))
    run_steps(trainer, run.optimiser, folder, checkpoint)


def load_networks(run: ArcRun, base: FlowRun, device: str) -> tuple[FlowModel, Discriminator]:
    """Return generator and discriminator, both initialised with the flow run's EMA weights."""
    checkpoint = read_checkpoint(Path(run.flow))
    generator = FlowModel(base, vocabulary_of(checkpoint, Path(run.flow)))
    generator.load_state_dict(ema_weights(checkpoint))
    torch.manual_seed(run.seed)
    depth = max(1, math.ceil(run.discriminator_share * base.transformer.depth))
    twin = copy.deepcopy(generator)
    return generator.to(device), Discriminator(twin.transformer, twin.conditioner, depth).to(device)


class AdversarialTrainer(Trainer):
    """Updates generator and discriminator in alternation, after an optional warm-up."""

    def __init__(
        self,
        run: ArcRun,
        generator: FlowModel,
        critic: Discriminator,
        sampler: BatchSampler,
        seeds: StepSeeds,
        device: str,
    ) -> None:
        self.seeds = seeds
        self.run, self.generator, self.critic = run, generator, critic
        self.sampler, self.device = sampler, device
        self.vocabulary = generator.conditioner.tokenizer.vocabulary
        # The teacher is the flow model, copied before the first step changes it.
        self._warm_up: WarmUpLosses | None = None
        if run.warm_up.steps:
            self._warm_up = WarmUpLosses(run, generator, sampler, seeds, device)
        apply_scaling(generator, run.scale)
        apply_scaling(critic, run.scale)
        self.generator_opt = OptimizerState(generator, run.optimiser)
        self.critic_opt = OptimizerState(critic, run.optimiser)

    def state(self) -> State:
        """Return weights and optimizers of both networks, and their vocabulary."""
        return {
            OPTIMIZER_KEY: self.generator_opt.state(),
            CRITIC_KEY: self.critic_opt.state(),
            VOCABULARY_KEY: list(self.vocabulary),
        }

    def restore(self, state: State) -> None:
        """Restore weights and optimizers of both networks."""
        self.generator_opt.restore(state[OPTIMIZER_KEY])
        self.critic_opt.restore(state[CRITIC_KEY])

    def warnings(self, metrics: Metrics, step: int) -> list[str]:
        """Return sentences about a discriminator that has won and a generator that collapsed."""
        return collapse_warnings(metrics, step)

    def step(self, step: int) -> StepResult:
        """Update the generator on even steps, the discriminator on odd ones."""
        if self._warm_up is not None and step < self.run.warm_up.steps:
            return self._warm_up_step(self._warm_up, step)
        batch = self.draw_batch(step)
        values: list[Metrics] = []
        if step % 2 == 0:
            optimizer, name = self.generator_opt, "generator_gradient"
            losses_of_side = self.generator_losses(batch, values)
        else:
            optimizer, name = self.critic_opt, "discriminator_gradient"
            losses_of_side = self.critic_losses(batch, values)
        norm = optimizer.update_microbatches(losses_of_side, self.run.scale.accumulate, step)
        means = {key: float(np.mean([value[key] for value in values])) for key in values[0]}
        return StepResult(self._count_work(batch, step), {**means, name: norm})

    def _warm_up_step(self, warm_up: WarmUpLosses, step: int) -> StepResult:
        warm_up.prepare_step(step, self.generator)
        norm = self.generator_opt.update_microbatches(warm_up, self.run.scale.accumulate, step)
        metrics = {"warm_up": warm_up.mean, "generator_gradient": norm}
        return StepResult(Work(warm_up.samples), metrics)

    def draw_batch(self, step: int) -> ArcBatch:
        """Draw the batch of one step, for all processes; raises as `draw_arc_batch`."""
        batch = self.sampler.draw(self.seeds.rng(step, Stream.BATCH))
        random = self.seeds.generator(step, Stream.NOISE)
        return draw_arc_batch(batch, self.generator.conditioner.tokenizer, self.run, random)

    def _count_work(self, batch: ArcBatch, step: int) -> Work:
        """Return the work of an adversarial step; G's needs no gradient of real scores."""
        count, _, length = batch.data.shape
        config, context = self.generator.transformer.config, batch.tokens.ids.shape[1] + 1
        generating = transformer_flops(config, length, context)
        scoring = transformer_flops(config, length, context, self.critic.depth)
        if step % 2 == 0:
            # D's weights get no gradient there: only the path through its inputs is computed.
            once = TRAINING_PASSES * generating + scoring + 2 * scoring
        else:
            scores = 5 if self.run.penalty_weight else 3
            once = generating + scores * TRAINING_PASSES * scoring
        return Work(count, count * once)

    def generator_losses(self, batch: ArcBatch, values: list[Metrics]) -> Iterator[Tensor]:
        """Yield the generator's loss of each microbatch; appends its metrics to `values`."""
        self.critic.requires_grad_(False)
        for items in distributed.microbatches(len(batch.data), self.run.scale.accumulate):
            part = batch.microbatch(items, self.device)
            with mixed_precision(self.run.scale, self.device):
                fake = self._generate(part)
                scores = [self._score(x, part, part.tokens).float() for x in (part.data, fake)]
            if self.run.relativistic:
                loss = losses.relativistic_generator_loss(*scores)
            else:
                loss = losses.least_squares_generator_loss(scores[1])
            diversity = losses.diversity(fake, part.data)
            values.append({"generator": float(loss.detach()), "diversity": diversity})
            yield loss

    def critic_losses(self, batch: ArcBatch, values: list[Metrics]) -> Iterator[Tensor]:
        """Yield the discriminator's loss of each microbatch, as `generator_losses`."""
        self.critic.requires_grad_(True)
        self.critic.transformer.transformer.project_out.requires_grad_(False)
        self.critic.transformer.postprocess_conv.requires_grad_(False)
        for items in distributed.microbatches(len(batch.data), self.run.scale.accumulate):
            part = batch.microbatch(items, self.device)
            with mixed_precision(self.run.scale, self.device):
                with torch.no_grad():
                    generated = self._generate(part)
                real, fake = (
                    self._score(x, part, part.tokens).float() for x in (part.data, generated)
                )
                wrong = self._score(part.data, part, part.wrong_tokens).float()
                penalty = self._gradient_penalty(part, generated, real, fake)
            if self.run.relativistic:
                loss = losses.relativistic_discriminator_loss(real, fake)
            else:
                loss = losses.least_squares_discriminator_loss(real, fake)
            contrast = losses.contrastive_loss(real, wrong)
            better = (real.mean(1) > wrong.mean(1)).float().mean()
            values.append(
                {
                    "discriminator": float(loss.detach()),
                    "contrastive": float(contrast.detach()),
                    "gap": float((real - fake).mean().detach()),
                    "contrastive_accuracy": float(better),
                }
            )
            if self.run.penalty_weight:
                values[-1]["steepness"] = float(penalty.detach())
                loss = loss + self.run.penalty_weight * penalty
            yield loss + self.run.contrastive_weight * contrast

    def _generate(self, part: ArcBatch) -> Tensor:
        """Generate latents from noised ones in one step (section 2.2)."""
        x = add_noise(part.data, part.noise, part.times)
        velocity = self.generator(x, part.times, part.tokens, part.seconds, None)
        return predict_x0(x, part.times, velocity)

    def _score(
        self, latents: Tensor, part: ArcBatch, tokens: Tokens, perturbation: Tensor | None = None
    ) -> Tensor:
        """Return scores (B, positions) of latents, noised to the critic's times, under prompts."""
        conditioning = self.critic.conditioner(tokens, part.seconds)
        x = add_noise(latents, part.critic_noise, part.critic_times)
        if perturbation is not None:
            x = x + self.run.penalty_noise * perturbation
        return self.critic(x, part.critic_times, conditioning)

    def _gradient_penalty(
        self, part: ArcBatch, generated: Tensor, real: Tensor, fake: Tensor
    ) -> Tensor:
        """Return half of R1 and R2 by finite differences; 0 if they are off."""
        if not self.run.penalty_weight:
            return torch.zeros((), device=self.device)
        moved = [
            self._score(x, part, part.tokens, part.perturbations[:, i]).float()
            for i, x in enumerate((part.data, generated))
        ]
        r1 = losses.finite_difference_penalty(real, moved[0])
        return 0.5 * (r1 + losses.finite_difference_penalty(fake, moved[1]))


def collapse_warnings(metrics: Metrics, step: int) -> list[str]:
    """Return warnings about the metrics logged at a step."""
    warnings = []
    if metrics.get("discriminator", 1.0) < WINNING_LOSS:
        warnings.append("The discriminator has won: the generator learns nothing from it any more.")
    if step > SETTLING_STEPS and metrics.get("contrastive_accuracy", 1.0) < 0.5:
        warnings.append("The discriminator does not tell prompts apart.")
    if metrics.get("diversity", 1.0) < COLLAPSED_DIVERSITY:
        warnings.append("The generated sounds have become alike: the generator has collapsed.")
    return warnings
