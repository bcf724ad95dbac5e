"""Guidance distillation: the teacher whose guided velocity a student learns. Needs torch."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from engine.sampling.guidance import apply_guidance, concat_conditionings
from engine.training.flow.batches import FlowBatch
from engine.training.flow.network import FlowModel


class GuidanceTeacher:
    """A trained flow model whose guided velocity a student learns to predict in one evaluation.

    "On Distillation of Guided Diffusion Models" (Meng et al. 2023), first stage, at one scale.
    """

    def __init__(self, network: FlowModel, scale: float) -> None:
        """Copy the network as it is now."""
        self._network = copy.deepcopy(network).requires_grad_(False)
        self._scale = scale

    @torch.no_grad()
    def velocity(self, x: Tensor, batch: FlowBatch) -> Tensor:
        """Return the guided velocity (B, C, L) at x; the unconditional one for dropped prompts."""
        conditioner, dropped = self._network.conditioner, torch.zeros_like(batch.keep_prompt)
        conditioning = concat_conditionings(
            conditioner(batch.tokens, batch.seconds, batch.keep_prompt),
            conditioner(batch.tokens, batch.seconds, dropped),
        )
        transformer = self._network.transformer
        velocity = apply_guidance(lambda y, t: transformer(y, t, conditioning).float(), self._scale)
        return velocity(x, batch.times)
