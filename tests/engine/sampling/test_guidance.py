"""Guidance: between, at and beyond the two velocities."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.models.dit import Conditioning
from engine.sampling.guidance import apply_guidance, concat_conditionings


def network(x: Tensor, time: Tensor) -> Tensor:
    """The first half of the batch has the prompt: its velocity is x + time, the other's is 0."""
    half = len(x) // 2
    return torch.cat([x[:half] + time[:half, None, None], torch.zeros_like(x[half:])])


def test_the_scale_weighs_prompt_against_no_prompt() -> None:
    x, time = torch.randn(3, 2, 5), torch.tensor([0.1, 0.5, 0.9])
    prompted = x + time[:, None, None]
    for scale in (0.0, 0.5, 1.0, 4.0):
        assert torch.allclose(apply_guidance(network, scale)(x, time), scale * prompted)


def test_joined_conditionings_lie_one_after_the_other() -> None:
    shown, hidden = torch.ones(1, 4, dtype=torch.bool), torch.zeros(1, 4, dtype=torch.bool)
    seconds, bpm = torch.tensor([2.0]), torch.tensor([120.0])
    first = Conditioning(torch.ones(1, 4, 2), shown, torch.ones(1, 2), seconds, bpm)
    second = Conditioning(torch.zeros(1, 4, 2), hidden, torch.zeros(1, 2), seconds, 0 * bpm)
    both = concat_conditionings(first, second)
    assert both.cross_attn_mask is not None
    assert both.seconds is not None
    assert both.bpm is not None
    assert both.seconds.tolist() == [2, 2]
    assert both.bpm.tolist() == [120, 0]
    assert both.cross_attn_cond[:, 0, 0].tolist() == both.global_cond[:, 0].tolist() == [1, 0]
    assert both.cross_attn_mask[:, 0].tolist() == [True, False]
