"""Losses and random draws of adversarial relativistic-contrastive post-training, as pure functions.

"Fast Text-to-Audio Generation with Adversarial Post-Training", sections 2.3 to 2.5. Scores are high
for real sounds under their own prompts, as in the released code; the paper's discriminator has the
opposite sign throughout.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

LOG_SNR = (-6.0, 2.0)
LEAST_SPREAD = 1e-4
"""Latents have a spread of about 1; below this a batch repeats one sound."""


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
    """Draw a permutation (count,) without fixed points; count must be at least 2."""
    if count < 2:
        raise ValueError("one item cannot change places")
    # Shifting a random cycle by one is a derangement; any item may meet any other.
    order = torch.randperm(count, generator=generator)
    moved = torch.empty_like(order)
    moved[order] = order.roll(1)
    return moved


def generator_times(count: int, generator: torch.Generator) -> Tensor:
    """Draw times (count,) whose log signal-to-noise ratio is uniform in -6..2 (section 2.5)."""
    low, high = LOG_SNR
    return torch.sigmoid(-(low + (high - low) * torch.rand(count, generator=generator)))


def finite_difference_penalty(score: Tensor, moved: Tensor) -> Tensor:
    """Return the squared change of scores (B, P) when the critic's input is perturbed.

    Summed over positions, mean over the batch: R1 on real sounds, R2 on generated ones, without
    second derivatives (the released code's form; halves are taken by the caller).
    """
    return (moved - score).square().sum(1).mean()


def diversity(made: Tensor, real: Tensor) -> float:
    """Return the spread of generated latents (B, C, L) over a batch, relative to the real ones'.

    It is 1 where the real ones are only one sound: then there is nothing to compare.
    """
    spreads = [x.detach().float().std(0, unbiased=False).mean() for x in (made, real)]
    return float(spreads[0] / spreads[1]) if spreads[1] > LEAST_SPREAD else 1.0
