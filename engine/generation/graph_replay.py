"""Replays a CUDA graph of the steps, or of all from prompt to samples. Needs torch."""

from __future__ import annotations

from torch import Tensor

from engine.generation.decoding import Decoder
from engine.generation.denoising import LatentInputs, denoise
from engine.generation.placement import PlacedModel
from engine.loading.sound_model import TokenizedPrompts
from engine.models.dit import CachedConditioning

LATENT_MULTIPLE = 32
"""Captured graphs decode latents in multiples of this."""


def replay_steps(placed: PlacedModel, inputs: LatentInputs, steps: int) -> Tensor | None:
    """Return latents (B, C, L) from a graph of the steps; None if there is none (yet)."""
    if placed.gpu is None or not isinstance(inputs.conditioning, CachedConditioning):
        return None

    def work(static: LatentInputs) -> Tensor:
        return denoise(placed, static, steps)

    kind = steps, inputs.start.time, placed.gpu.blocks.shapes
    return placed.gpu.graphs.replay(kind, work, inputs)


def replay_whole(
    placed: PlacedModel, inputs: LatentInputs, steps: int, frames: int
) -> Tensor | None:
    """Return samples (B, 2, T), T >= `frames`, from a graph of all; None if there is none (yet)."""
    if placed.gpu is None or not isinstance(inputs.conditioning, TokenizedPrompts):
        return None
    model, noise = placed.model, inputs.start.noise
    needed = -(-frames // model.samples_per_latent)
    count = min(-(-needed // LATENT_MULTIPLE) * LATENT_MULTIPLE, noise.shape[-1])
    if Decoder(model, placed.device).largest_window() < count * len(noise):
        return None

    def work(static: LatentInputs) -> Tensor:
        return model.decode_whole(denoise(placed, static, steps), count)

    valid, shapes = inputs.conditioning.valid_length, placed.gpu.blocks.shapes
    kind = steps, inputs.start.time, valid, count, shapes
    return placed.gpu.graphs.replay(kind, work, inputs, copy_out=True)
