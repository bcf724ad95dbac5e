"""From a recipe to latents: conditioning, start of sampling, steps. Needs torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from engine.api import EngineError, Recipe
from engine.clip import Clip
from engine.generation.batching import draw_noise
from engine.generation.placement import PlacedModel
from engine.loading.sound_model import TokenizedPrompts
from engine.models.dit import CachedConditioning
from engine.sampling.guidance import apply_guidance, concat_conditionings
from engine.sampling.sample import SamplingStart, choose_sampler, sample
from engine.sampling.samplers import Velocity
from engine.sound.postprocess import prepare_source

_STOCHASTIC = ("ping_pong", "v_dpm_3m_sde")
"""Samplers that add noise between their steps."""


@dataclass(frozen=True, slots=True)
class LatentInputs:
    """Inputs of `denoise`; prompts are tokens where the graph captures the text encoder too."""

    conditioning: TokenizedPrompts | CachedConditioning
    inpaint_cond: Tensor | None
    start: SamplingStart
    noises: tuple[Tensor, ...]


def condition(
    placed: PlacedModel, recipes: list[Recipe], inpaint_cond: Tensor | None
) -> TokenizedPrompts | CachedConditioning:
    """Return the prompts' conditioning; tokens where the text encoder runs in a CUDA graph."""
    model, like = placed.model, recipes[0]
    if like.avoid and model.sampling.guidance == 1:
        raise EngineError(
            "This model makes sounds in few steps, without guidance, and cannot be told what "
            "to avoid: leave it out, or choose another model."
        )
    negative = [recipe.avoid for recipe in recipes if recipe.avoid]
    prompts = model.tokenize([*(recipe.prompt for recipe in recipes), *negative], like.seconds)
    if placed.gpu is not None and model.captures_whole:
        return prompts
    latents = model.latents_for(like.seconds)
    return cache_conditioning(placed, prompts, inpaint_cond, len(recipes), latents)


def cache_conditioning(
    placed: PlacedModel,
    prompts: TokenizedPrompts,
    inpaint_cond: Tensor | None,
    sounds: int,
    latents: int,
) -> CachedConditioning:
    """Encode prompts; with guidance, unconditional rows follow if there are no negative prompts."""
    model = placed.model
    conditioning = model.condition(prompts)
    if model.sampling.guidance != 1 and len(prompts.seconds) == sounds:
        unconditional = model.condition(prompts, unconditional=True)
        conditioning = concat_conditionings(conditioning, unconditional)
    rows = len(conditioning.cross_attn_cond)
    conditioning = replace(
        conditioning,
        cross_attn_cond=conditioning.cross_attn_cond.to(placed.dtype),
        global_cond=conditioning.global_cond.to(placed.dtype),
        inpaint_cond=None if inpaint_cond is None else inpaint_cond.expand(rows, -1, -1),
    )
    return model.transformer.cache(conditioning, latents)


def encode_inpaint_cond(placed: PlacedModel, recipe: Recipe, source: Clip | None) -> Tensor | None:
    """Return the inpainting condition where a part of the source is remade, else None."""
    if recipe.remake_from is None or recipe.remake_to is None:
        return None
    if source is None:
        raise EngineError("Give the recording of which a part is to be made anew.")
    audio = _prepare_source(placed, recipe, source)
    return placed.model.make_inpaint_cond(
        audio, recipe.seconds, recipe.remake_from, recipe.remake_to
    )


def draw_start(
    placed: PlacedModel, recipe: Recipe, source: Clip | None, randoms: list[torch.Generator]
) -> SamplingStart:
    """Draw the initial noise, and encode the source if the recipe has a strength."""
    model, channels = placed.model, placed.model.transformer.config.io_channels
    shape = 1, channels, model.latents_for(recipe.seconds)
    noise = draw_noise(shape, randoms).to(placed.device)
    if source is None or recipe.strength is None:
        return SamplingStart(noise)
    audio = _prepare_source(placed, recipe, source)
    encoded = torch.cat([model.encode(audio, random) for random in randoms])
    return SamplingStart(noise, encoded, recipe.strength)


def draw_step_noises(
    placed: PlacedModel, steps: int, start: SamplingStart, randoms: list[torch.Generator]
) -> tuple[Tensor, ...]:
    """Draw the noise added between steps; on the CPU, so that a seed is the same on any device."""
    like, sampler = start.noise, choose_sampler(placed.model.sampling, start.time)
    count = steps - 1 if sampler in _STOCHASTIC else 0
    return tuple(draw_noise((1, *like.shape[1:]), randoms).to(like) for _ in range(count))


def denoise(
    placed: PlacedModel,
    inputs: LatentInputs,
    steps: int,
    on_step: Callable[[int], None] = lambda step: None,
) -> Tensor:
    """Sample latents (B, C, L) from noise."""
    conditioning, noises = inputs.conditioning, iter(inputs.noises)
    if isinstance(conditioning, TokenizedPrompts):
        sounds, _, latents = inputs.start.noise.shape
        conditioning = cache_conditioning(
            placed, conditioning, inputs.inpaint_cond, sounds, latents
        )
    velocity = _bind_velocity(placed, conditioning)
    return sample(
        placed.model.sampling, velocity, inputs.start, steps, lambda x: next(noises), on_step
    )


def _bind_velocity(placed: PlacedModel, conditioning: CachedConditioning) -> Velocity:
    transformer, scale = placed.model.transformer, placed.model.sampling.guidance

    def network(x: Tensor, time: Tensor) -> Tensor:
        velocity: Tensor = transformer(x.to(placed.dtype), time, conditioning)
        return velocity.float()

    return network if scale == 1 else apply_guidance(network, scale)


def _prepare_source(placed: PlacedModel, recipe: Recipe, source: Clip) -> Tensor:
    model = placed.model
    frames = model.latents_for(recipe.seconds) * model.samples_per_latent
    audio = prepare_source(source, frames, model.sample_rate, model.source_peak)
    return audio.to(placed.device)
