"""The networks of rectified flow: a diffusion transformer and its conditioner. Needs torch."""

from __future__ import annotations

from torch import Tensor, nn

from engine.models.conditioning import Conditioner, Tokens
from engine.models.dit import DiffusionTransformer
from engine.training.settings import FlowRun


class FlowModel(nn.Module):
    """The velocity network and its conditioner, trained jointly."""

    def __init__(self, run: FlowRun, words: tuple[str, ...]) -> None:
        super().__init__()
        self.transformer = DiffusionTransformer(run.transformer)
        self.conditioner = Conditioner(run.conditioner, words)

    def forward(
        self, x: Tensor, time: Tensor, tokens: Tokens, seconds: Tensor, keep_prompt: Tensor | None
    ) -> Tensor:
        """Return the velocity of latents x (B, C, L) at times (B,) under prompts and lengths.

        Where `keep_prompt` (B,) is False the prompt is dropped; None keeps all.
        """
        conditioning = self.conditioner(tokens, seconds, keep_prompt)
        velocity: Tensor = self.transformer(x, time, conditioning)
        return velocity
