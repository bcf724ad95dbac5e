"""Data and random numbers of a step of adversarial post-training. Needs torch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.models.conditioning import PromptTokenizer, Tokens
from engine.sampling.path import logit_normal_times
from engine.training.arc.losses import derangement, generator_times
from engine.training.flow.batches import LatentBatch, select_prompts
from engine.training.run.errors import RunError
from engine.training.settings import ArcRun


@dataclass(frozen=True, slots=True)
class ArcBatch:
    """The inputs of one step's losses: latents (B, C, L), prompts, and random numbers.

    Real and generated sounds are noised alike before they are scored (as in the released code;
    the paper's second footnote has independent noise). `wrong_tokens` holds another item's prompt
    for each. `perturbations` (B, 2, C, L) are added to real and generated sounds for R1 and R2.
    """

    data: Tensor
    noise: Tensor
    times: Tensor
    critic_noise: Tensor
    critic_times: Tensor
    perturbations: Tensor
    tokens: Tokens
    wrong_tokens: Tokens
    seconds: Tensor

    def microbatch(self, items: slice, device: str) -> ArcBatch:
        """Return some of the items, on the device."""
        return ArcBatch(
            self.data[items].to(device),
            self.noise[items].to(device),
            self.times[items].to(device),
            self.critic_noise[items].to(device),
            self.critic_times[items].to(device),
            self.perturbations[items].to(device),
            select_prompts(self.tokens, items, device),
            select_prompts(self.wrong_tokens, items, device),
            self.seconds[items].to(device),
        )


def draw_arc_batch(
    batch: LatentBatch, tokenizer: PromptTokenizer, run: ArcRun, random: torch.Generator
) -> ArcBatch:
    """Draw the random numbers of a step for the batch of all processes.

    Raises RunError where the batch has only one sound for the contrastive loss.
    """
    data, count = batch.latents, len(batch.latents)
    tokens = tokenizer(batch.captions)
    times = generator_times(count, random)
    noise = torch.randn(data.shape, generator=random)
    critic_times = logit_normal_times(count, random, run.discriminator_shift)
    critic_noise = torch.randn(data.shape, generator=random)
    wrong = tokens
    if count > 1:
        wrong = select_prompts(tokens, derangement(count, random), "cpu")
    elif run.contrastive_weight:
        raise RunError(
            "The contrastive loss needs two sounds or more in a batch: "
            "set a larger tokens_per_batch, or contrastive_weight = 0."
        )
    # Runs without a penalty draw none.
    perturbations = torch.zeros(count, 0)
    if run.penalty_weight:
        perturbations = torch.randn((count, 2, *data.shape[1:]), generator=random)
    return ArcBatch(
        data,
        noise,
        times,
        critic_noise,
        critic_times,
        perturbations,
        tokens,
        wrong,
        batch.seconds,
    )
