"""Classifier-free guidance: from the unconditional velocity towards the prompt's. Needs torch."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.models.dit import Conditioning
from engine.sampling.samplers import Velocity


def apply_guidance(network: Velocity, scale: float) -> Velocity:
    """Wrap a network bound to a batch of prompts and then as many unconditional rows.

    Returns a velocity for latents (B, C, L): v_none + scale * (v_prompt - v_none)
    (Ho and Salimans 2022, equation 6).
    """

    def velocity(x: Tensor, time: Tensor) -> Tensor:
        both = network(torch.cat([x, x]), torch.cat([time, time]))
        conditional, unconditional = both.chunk(2)
        return unconditional + scale * (conditional - unconditional)

    return velocity


def concat_conditionings(first: Conditioning, second: Conditioning) -> Conditioning:
    """Concatenate two conditionings along the batch; both have the same number of tokens."""

    def concat(one: Tensor | None, other: Tensor | None) -> Tensor | None:
        return None if one is None or other is None else torch.cat([one, other])

    return Conditioning(
        cross_attn_cond=torch.cat([first.cross_attn_cond, second.cross_attn_cond]),
        cross_attn_mask=concat(first.cross_attn_mask, second.cross_attn_mask),
        global_cond=torch.cat([first.global_cond, second.global_cond]),
        seconds=concat(first.seconds, second.seconds),
        bpm=concat(first.bpm, second.bpm),
        inpaint_cond=concat(first.inpaint_cond, second.inpaint_cond),
        valid_length=first.valid_length,
    )
