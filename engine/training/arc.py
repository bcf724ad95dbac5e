"""Adversarial relativistic-contrastive post-training of a flow model.

"Fast Text-to-Audio Generation with Adversarial Post-Training", sections 2.2 to 2.5: generator and
discriminator both begin as the flow model and are updated in turn. The signs of the contrastive
loss are those of the released code, where the right prompt must score above a wrong one.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engine import flow
from engine.device import autocast, choose_device
from engine.models.conditioning import Tokens
from engine.models.discriminators import Discriminator
from engine.models.dit import Conditioning
from engine.training.flow import Batch, Batches, Generative, latent_pool
from engine.training.optimising import Optimising
from engine.training.run_folder import RunError, RunFolder
from engine.training.settings import ArcRun, FlowRun, read_run

LOG_SNR = (-6.0, 2.0)
COLLAPSE = 0.02
"""A contrastive accuracy or a score gap this near to its extreme for long is worth a warning."""


def relativistic_generator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Push each generated sound's score above that of its real partner (section 2.3)."""
    return functional.softplus(real - fake).mean()


def relativistic_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Push each real sound's score above that of its generated partner (section 2.3)."""
    return functional.softplus(fake - real).mean()


def contrastive_loss(right: Tensor, wrong: Tensor) -> Tensor:
    """Push a real sound's score under its own prompt above that under another (section 2.4)."""
    return functional.softplus(wrong - right).mean()


def least_squares_generator_loss(fake: Tensor) -> Tensor:
    """The ablation's loss without pairs: push generated scores to 1."""
    return (fake - 1).square().mean()


def least_squares_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """The ablation's loss without pairs: push real scores to 1 and generated ones to 0."""
    return (real - 1).square().mean() + fake.square().mean()


def derangement(count: int, generator: torch.Generator) -> Tensor:
    """A random permutation (count,) that leaves nothing in its place; count must be at least 2."""
    if count < 2:
        raise ValueError("one item cannot change places")
    # Moving along a random circle by one is a derangement, and every item meets every other.
    order = torch.randperm(count, generator=generator)
    moved = torch.empty_like(order)
    moved[order] = order.roll(1)
    return moved


def generator_times(count: int, generator: torch.Generator) -> Tensor:
    """Times (count,) whose log signal-to-noise ratio is uniform in -6..2 (section 2.5)."""
    low, high = LOG_SNR
    return torch.sigmoid(-(low + (high - low) * torch.rand(count, generator=generator)))


@dataclass(frozen=True, slots=True)
class Pair:
    """A real batch and what the generator made of it, under one prompt each."""

    real: Tensor
    fake: Tensor
    tokens: Tokens
    seconds: Tensor


def train_arc(run: ArcRun, folder: RunFolder) -> None:
    """Post-train until run.optimiser.steps, going on from the folder's checkpoint."""
    device = choose_device()
    base = read_run(Path(run.flow) / "config.toml")
    if not isinstance(base, FlowRun):
        raise RunError(f"{run.flow} is no flow run.")
    generator, critic = _networks(run, base, device)
    pool = latent_pool(base, Path(run.flow), folder.note, device)
    training = _Arc(run, generator, critic, Batches(pool, base), device)
    step, state = 0, folder.load()
    if state is not None:
        training.generating.restore(state["optimising"])
        training.judging.restore(state["critic"])
        step = state["step"]
    sums: dict[str, list[float]] = {}
    while step < run.optimiser.steps:
        for name, value in training.step(step).items():
            sums.setdefault(name, []).append(value)
        step += 1
        if step % run.optimiser.log_every == 0:
            values = {name: float(np.mean(entries)) for name, entries in sums.items()}
            sums.clear()
            folder.log(step, values)
            folder.show(step, run.optimiser.steps, values)
            _warn_of_collapse(values, folder)
        if step % run.optimiser.checkpoint_every == 0 or step == run.optimiser.steps:
            folder.save(
                {
                    "optimising": training.generating.state(),
                    "critic": training.judging.state(),
                    "step": step,
                    "vocabulary": list(training.vocabulary),
                }
            )


def _networks(run: ArcRun, base: FlowRun, device: str) -> tuple[Generative, Discriminator]:
    path = Path(run.flow) / "checkpoint.pt"
    if not path.exists():
        raise RunError(f"{run.flow} holds no flow checkpoint: train one first.")
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    generator = Generative(base, tuple(checkpoint["vocabulary"]))
    generator.load_state_dict(checkpoint["optimising"]["average"])
    torch.manual_seed(run.seed)
    depth = max(1, math.ceil(run.discriminator_share * base.transformer.depth))
    twin = copy.deepcopy(generator)
    return generator.to(device), Discriminator(twin.transformer, twin.conditioner, depth).to(device)


class _Arc:
    """One alternating step after the other."""

    def __init__(
        self,
        run: ArcRun,
        generator: Generative,
        critic: Discriminator,
        batches: Batches,
        device: str,
    ) -> None:
        self.run, self.generator, self.critic = run, generator, critic
        self.batches, self.device = batches, device
        self.vocabulary = generator.conditioner.tokenizer.vocabulary
        self.generating = Optimising(generator, run.optimiser)
        self.judging = Optimising(critic, run.optimiser)

    def step(self, step: int) -> dict[str, float]:
        """Update the generator on even steps, the discriminator on odd ones."""
        rng = np.random.default_rng((self.run.seed, step, 1))
        random = torch.Generator().manual_seed(hash((self.run.seed, step)) & 0x7FFFFFFF)
        batch = self.batches.draw(rng)
        if step % 2 == 0:
            return self._generator_step(batch, random, step)
        return self._discriminator_step(batch, random, step)

    def _generator_step(self, batch: Batch, random: torch.Generator, step: int) -> dict[str, float]:
        self.critic.requires_grad_(False)
        with autocast(self.device):
            pair = self._pair(batch, random)
            real, fake = self._scores(pair, random)
        if self.run.relativistic:
            loss = relativistic_generator_loss(real.float(), fake.float())
        else:
            loss = least_squares_generator_loss(fake.float())
        norm = self.generating.update(loss, step)
        return {"generator": float(loss.detach()), "generator_gradient": norm}

    def _discriminator_step(
        self, batch: Batch, random: torch.Generator, step: int
    ) -> dict[str, float]:
        self.critic.requires_grad_(True)
        self.critic.transformer.transformer.project_out.requires_grad_(False)
        self.critic.transformer.postprocess_conv.requires_grad_(False)
        with autocast(self.device):
            with torch.no_grad():
                pair = self._pair(batch, random)
            state = random.get_state()
            real, fake = self._scores(pair, random)
            wrong = self._wrong_prompt_scores(pair, random, state)
        real, fake, wrong = real.float(), fake.float(), wrong.float()
        if self.run.relativistic:
            adversarial = relativistic_discriminator_loss(real, fake)
        else:
            adversarial = least_squares_discriminator_loss(real, fake)
        contrast = contrastive_loss(real, wrong)
        norm = self.judging.update(adversarial + self.run.contrastive_weight * contrast, step)
        return {
            "discriminator": float(adversarial.detach()),
            "contrastive": float(contrast.detach()),
            "gap": float((real - fake).mean().detach()),
            "contrastive_accuracy": float((real.mean(1) > wrong.mean(1)).float().mean()),
            "discriminator_gradient": norm,
        }

    def _pair(self, batch: Batch, random: torch.Generator) -> Pair:
        data = batch.latents.to(self.device)
        count = len(data)
        tokens = _moved(self.generator.conditioner.tokenizer(batch.captions), self.device)
        seconds = batch.seconds.to(self.device)
        times = generator_times(count, random).to(self.device)
        noise = torch.randn(data.shape, generator=random).to(self.device)
        x = flow.noised(data, noise, times)
        fake = flow.clean_estimate(x, times, self.generator(x, times, tokens, seconds, None))
        return Pair(data, fake, tokens, seconds)

    def _scores(self, pair: Pair, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Scores of real and generated latents, noised alike, under the right prompts."""
        times, noise = self._critic_noise(pair, random)
        conditioning = self.critic.conditioner(pair.tokens, pair.seconds)
        real = self.critic(flow.noised(pair.real, noise, times), times, conditioning)
        fake = self.critic(flow.noised(pair.fake, noise, times), times, conditioning)
        return real, fake

    def _wrong_prompt_scores(self, pair: Pair, random: torch.Generator, state: Tensor) -> Tensor:
        """Scores of the same noised real latents under other prompts of the batch."""
        other = derangement(len(pair.real), random).to(self.device)
        random.set_state(state)
        times, noise = self._critic_noise(pair, random)
        tokens = Tokens(pair.tokens.ids[other], pair.tokens.values[other], pair.tokens.real[other])
        conditioning: Conditioning = self.critic.conditioner(tokens, pair.seconds)
        scores: Tensor = self.critic(flow.noised(pair.real, noise, times), times, conditioning)
        return scores

    def _critic_noise(self, pair: Pair, random: torch.Generator) -> tuple[Tensor, Tensor]:
        times = flow.logit_normal_times(len(pair.real), random, self.run.discriminator_shift)
        noise = torch.randn(pair.real.shape, generator=random)
        return times.to(self.device), noise.to(self.device)


def _moved(tokens: Tokens, device: str) -> Tokens:
    return Tokens(tokens.ids.to(device), tokens.values.to(device), tokens.real.to(device))


def _warn_of_collapse(values: dict[str, float], folder: RunFolder) -> None:
    if values.get("discriminator", 1.0) < COLLAPSE:
        folder.note("The discriminator has won: the generator learns nothing from it any more.")
    if values.get("contrastive_accuracy", 1.0) < 0.5:
        folder.note("The discriminator does not tell prompts apart.")
