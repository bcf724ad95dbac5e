"""Classifier-free guidance: away from the promptless velocity, towards the prompt's."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.models.dit import Conditioning
from engine.sampling.samplers import Velocity


def guided(network: Velocity, scale: float) -> Velocity:
    """Wrap a network that was bound to prompt and no prompt (one after the other in the batch).

    Returns a velocity for latents (B, C, L): v_none + scale * (v_prompt - v_none)
    (Ho and Salimans 2022, equation 6).
    """

    def velocity(x: Tensor, time: Tensor) -> Tensor:
        both = network(torch.cat([x, x]), torch.cat([time, time]))
        with_prompt, without = both.chunk(2)
        return without + scale * (with_prompt - without)

    return velocity


def joined(first: Conditioning, second: Conditioning) -> Conditioning:
    """Join two conditionings of equally many tokens along the batch."""

    def both(one: Tensor | None, other: Tensor | None) -> Tensor | None:
        return None if one is None or other is None else torch.cat([one, other])

    return Conditioning(
        torch.cat([first.tokens, second.tokens]),
        both(first.mask, second.mask),
        torch.cat([first.overall, second.overall]),
        both(first.seconds, second.seconds),
        both(first.bpm, second.bpm),
        both(first.kept, second.kept),
        first.valid,
    )
