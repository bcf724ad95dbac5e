"""Adversarial relativistic-contrastive post-training of a flow model.

"Fast Text-to-Audio Generation with Adversarial Post-Training", sections 2.2 to 2.5: generator and
discriminator both begin as the flow model and are updated in turn.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.hardware.device import choose_device
from engine.models.conditioning import Tokens
from engine.models.discriminators import Discriminator
from engine.sampling import path as flow
from engine.training.arc import losses as adversarial
from engine.training.flow.ode_warm_up import WarmUpLosses
from engine.training.flow.rectified_flow import Batches, Generative, chosen, latent_pool
from engine.training.run import distributed as processes
from engine.training.run.loop import Metrics, State, StepResult, Trainer, run_steps
from engine.training.run.optimizer import Optimising
from engine.training.run.precision import precision, scaled
from engine.training.run.run_folder import RunError, RunFolder, read_checkpoint, words_of_checkpoint
from engine.training.run.seeding import LEGACY_ADVERSARIAL, StepSeeds, Stream
from engine.training.run.throughput import TRAINED, Work, matrix_rate, transformer_flops
from engine.training.settings import ArcRun, FlowRun, read_run

WON = 0.02
"""A discriminator's loss below this leaves the generator nothing to learn from."""
SETTLED = 100
"""By this step a new discriminator should tell prompts apart; before, chance decides."""
ALIKE = 0.1
"""Generated sounds that spread this little beside real ones have become one sound."""


@dataclass(frozen=True, slots=True)
class Round:
    """All that one step's losses depend on: real latents (B, C, L), prompts, and chance.

    Real and generated sounds are noised alike before they are scored (as in the released code;
    the paper's second footnote has independent noise). `wrong` holds each item another's prompt.
    """

    data: Tensor
    noise: Tensor
    times: Tensor
    critic_noise: Tensor
    critic_times: Tensor
    steps_aside: Tensor
    tokens: Tokens
    wrong: Tokens
    seconds: Tensor

    def part(self, share: slice, device: str) -> Round:
        """Some of the items, on the device."""
        return Round(
            self.data[share].to(device),
            self.noise[share].to(device),
            self.times[share].to(device),
            self.critic_noise[share].to(device),
            self.critic_times[share].to(device),
            self.steps_aside[share].to(device),
            chosen(self.tokens, share, device),
            chosen(self.wrong, share, device),
            self.seconds[share].to(device),
        )


def train_arc(run: ArcRun, folder: RunFolder) -> None:
    """Post-train until run.optimiser.steps, going on from the folder's checkpoint."""
    device = choose_device()
    base = read_run(Path(run.flow) / "config.toml")
    if not isinstance(base, FlowRun):
        raise RunError(f"{run.flow} is no flow run.")
    generator, critic = networks(run, base, device)
    shelves = latent_pool(base, Path(run.flow), folder.note, device)
    # A discriminator sees one sound: it could not tell whether that follows its recording.
    pool = [shelf for shelf in shelves if shelf.sources is None]
    if run.tokens_per_batch:
        base = replace(base, tokens_per_batch=run.tokens_per_batch)
    batches = Batches(pool, base, run.scale.accumulate * processes.count())
    checkpoint = folder.load()
    seeds = StepSeeds.of_run(run.seed, checkpoint, LEGACY_ADVERSARIAL)
    trainer = AdversarialTrainer(run, generator, critic, batches, seeds, device)
    folder.stopwatch.know_rate(matrix_rate(device, run.scale))
    run_steps(trainer, run.optimiser, folder, checkpoint)


def networks(run: ArcRun, base: FlowRun, device: str) -> tuple[Generative, Discriminator]:
    """Generator and discriminator as they begin: the flow run's averaged weights, twice."""
    checkpoint = read_checkpoint(Path(run.flow))
    generator = Generative(base, words_of_checkpoint(checkpoint, Path(run.flow)))
    generator.load_state_dict(checkpoint["optimising"]["average"])
    torch.manual_seed(run.seed)
    depth = max(1, math.ceil(run.discriminator_share * base.transformer.depth))
    twin = copy.deepcopy(generator)
    return generator.to(device), Discriminator(twin.transformer, twin.conditioner, depth).to(device)


class AdversarialTrainer(Trainer):
    """One alternating step after the other."""

    def __init__(
        self,
        run: ArcRun,
        generator: Generative,
        critic: Discriminator,
        batches: Batches,
        seeds: StepSeeds,
        device: str,
    ) -> None:
        self.seeds = seeds
        self.run, self.generator, self.critic = run, generator, critic
        self.batches, self.device = batches, device
        self.vocabulary = generator.conditioner.tokenizer.vocabulary
        # The teacher is the flow model: it is kept before the first step changes it.
        self._warm_up = (
            WarmUpLosses(run, generator, batches, seeds, device) if run.warm_up.steps else None
        )
        scaled(generator, run.scale)
        scaled(critic, run.scale)
        self.generating = Optimising(generator, run.optimiser)
        self.judging = Optimising(critic, run.optimiser)

    def state(self) -> State:
        """Return both sides' weights and optimisers, and the words they were taught."""
        return {
            "optimising": self.generating.state(),
            "critic": self.judging.state(),
            "vocabulary": list(self.vocabulary),
        }

    def restore(self, state: State) -> None:
        """Put back both sides' weights and optimisers."""
        self.generating.restore(state["optimising"])
        self.judging.restore(state["critic"])

    def warnings(self, metrics: Metrics, step: int) -> list[str]:
        """Return sentences about a discriminator that has won and a generator that collapsed."""
        return collapse(metrics, step)

    def step(self, step: int) -> StepResult:
        """Update the generator on even steps, the discriminator on odd ones."""
        if self._warm_up is not None and step < self.run.warm_up.steps:
            losses = self._warm_up.of_step(step, self.generator)
            norm = self.generating.update_over(losses, self.run.scale.accumulate, step)
            metrics = {"warm_up": losses.mean, "generator_gradient": norm}
            return StepResult(Work(losses.samples), metrics)
        drawn = self.draw(step)
        values: list[Metrics] = []
        if step % 2 == 0:
            side, losses_of, name = self.generating, self.generator_losses, "generator_gradient"
        else:
            side, losses_of, name = self.judging, self.critic_losses, "discriminator_gradient"
        norm = side.update_over(losses_of(drawn, values), self.run.scale.accumulate, step)
        means = {key: float(np.mean([value[key] for value in values])) for key in values[0]}
        return StepResult(self._work(drawn, step), {**means, name: norm})

    def draw(self, step: int) -> Round:
        """The batch and the chance of one step, for all processes; raises RunError (one sound)."""
        batch = self.batches.draw(self.seeds.rng(step, Stream.BATCH))
        random = self.seeds.generator(step, Stream.NOISE)
        data, count = batch.latents, len(batch.latents)
        tokens = self.generator.conditioner.tokenizer(batch.captions)
        times = adversarial.generator_times(count, random)
        noise = torch.randn(data.shape, generator=random)
        critic_times = flow.logit_normal_times(count, random, self.run.discriminator_shift)
        critic_noise = torch.randn(data.shape, generator=random)
        wrong = tokens
        if count > 1:
            wrong = chosen(tokens, adversarial.derangement(count, random), "cpu")
        elif self.run.contrastive_weight:
            raise RunError(
                "The contrastive loss needs two sounds or more in a batch: "
                "set a larger tokens_per_batch, or contrastive_weight = 0."
            )
        # Two steps aside, for a real and a generated sound; none are drawn where none are taken.
        aside = torch.zeros(count, 0)
        if self.run.penalty_weight:
            aside = torch.randn((count, 2, *data.shape[1:]), generator=random)
        return Round(
            data, noise, times, critic_noise, critic_times, aside, tokens, wrong, batch.seconds
        )

    def _work(self, drawn: Round, step: int) -> Work:
        """What an adversarial step does; scores of the real sounds need no gradient in G's."""
        count, _, length = drawn.data.shape
        config, context = self.generator.transformer.config, drawn.tokens.ids.shape[1] + 1
        making = transformer_flops(config, length, context)
        judging = transformer_flops(config, length, context, self.critic.depth)
        if step % 2 == 0:
            # D's weights get no gradient there: only the path through its inputs is computed.
            once = TRAINED * making + judging + 2 * judging
        else:
            scores = 5 if self.run.penalty_weight else 3
            once = making + scores * TRAINED * judging
        return Work(count, count * once)

    def generator_losses(self, drawn: Round, values: list[Metrics]) -> Iterator[Tensor]:
        """This process's parts of the generator's loss; adds to `values` what to log of each."""
        self.critic.requires_grad_(False)
        for share in processes.parts(len(drawn.data), self.run.scale.accumulate):
            part = drawn.part(share, self.device)
            with precision(self.run.scale, self.device):
                fake = self._generated(part)
                scores = [self._score(x, part, part.tokens).float() for x in (part.data, fake)]
            if self.run.relativistic:
                loss = adversarial.relativistic_generator_loss(*scores)
            else:
                loss = adversarial.least_squares_generator_loss(scores[1])
            spread = adversarial.diversity(fake, part.data)
            values.append({"generator": float(loss.detach()), "diversity": spread})
            yield loss

    def critic_losses(self, drawn: Round, values: list[Metrics]) -> Iterator[Tensor]:
        """This process's parts of the discriminator's loss, as `generator_losses`."""
        self.critic.requires_grad_(True)
        self.critic.transformer.transformer.project_out.requires_grad_(False)
        self.critic.transformer.postprocess_conv.requires_grad_(False)
        for share in processes.parts(len(drawn.data), self.run.scale.accumulate):
            part = drawn.part(share, self.device)
            with precision(self.run.scale, self.device):
                with torch.no_grad():
                    made = self._generated(part)
                real, fake = (self._score(x, part, part.tokens).float() for x in (part.data, made))
                wrong = self._score(part.data, part, part.wrong).float()
                steepness = self._steepness(part, made, real, fake)
            if self.run.relativistic:
                loss = adversarial.relativistic_discriminator_loss(real, fake)
            else:
                loss = adversarial.least_squares_discriminator_loss(real, fake)
            contrast = adversarial.contrastive_loss(real, wrong)
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
                values[-1]["steepness"] = float(steepness.detach())
                loss = loss + self.run.penalty_weight * steepness
            yield loss + self.run.contrastive_weight * contrast

    def _generated(self, part: Round) -> Tensor:
        """What the generator makes of noised latents in one step (section 2.2)."""
        x = flow.noised(part.data, part.noise, part.times)
        velocity = self.generator(x, part.times, part.tokens, part.seconds, None)
        return flow.clean_estimate(x, part.times, velocity)

    def _score(
        self, latents: Tensor, part: Round, tokens: Tokens, aside: Tensor | None = None
    ) -> Tensor:
        """Scores (B, positions) of latents, noised to the critic's times, under prompts."""
        conditioning = self.critic.conditioner(tokens, part.seconds)
        x = flow.noised(latents, part.critic_noise, part.critic_times)
        if aside is not None:
            x = x + self.run.penalty_noise * aside
        return self.critic(x, part.critic_times, conditioning)

    def _steepness(self, part: Round, made: Tensor, real: Tensor, fake: Tensor) -> Tensor:
        """Half of R1 and R2 by finite differences; 0 where they are not wanted."""
        if not self.run.penalty_weight:
            return torch.zeros((), device=self.device)
        aside = part.steps_aside
        moved = [
            self._score(x, part, part.tokens, aside[:, i]).float()
            for i, x in enumerate((part.data, made))
        ]
        first = adversarial.finite_difference_penalty(real, moved[0])
        return 0.5 * (first + adversarial.finite_difference_penalty(fake, moved[1]))


def collapse(metrics: Metrics, step: int) -> list[str]:
    """Sentences about what has gone wrong, by the means that are logged at a step."""
    said = []
    if metrics.get("discriminator", 1.0) < WON:
        said.append("The discriminator has won: the generator learns nothing from it any more.")
    if step > SETTLED and metrics.get("contrastive_accuracy", 1.0) < 0.5:
        said.append("The discriminator does not tell prompts apart.")
    if metrics.get("diversity", 1.0) < ALIKE:
        said.append("The generated sounds have become alike: the generator has collapsed.")
    return said
