"""Recipe to Clip: the whole of generation on one page. Engine process."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.api import GenerationCancelled, Recipe, Timing
from engine.clip import Clip
from engine.compiled import quantise_blocks
from engine.device import choose_device, choose_precision, draw_seed
from engine.model_card import ModelCard
from engine.model_folder import load_model
from engine.models.dit import DiffusionTransformer
from engine.models.spectral_features import RATE_HZ
from engine.playable import PlayableModel
from engine.sampling.guidance import guided, joined
from engine.sampling.sample import Beginning, sample
from engine.sampling.samplers import Velocity

FADE_S = 0.004
LOUDEST, KNEE = 0.99, 0.8
"""Up to the knee samples stay as they are; peaks above are rounded off towards the loudest."""
QUIETEST_SOURCE = 1e-4

OnStep = Callable[[int, int], bool]


@dataclass(frozen=True, slots=True)
class Generated:
    """A finished clip, the recipe that makes it again and how long it took."""

    recipe: Recipe
    clip: Clip
    timing: Timing


class Generator:
    """A loaded model that makes clips, one at a time."""

    def __init__(
        self, model: PlayableModel, card: ModelCard, device: str, precision: str | None = None
    ) -> None:
        """`precision` is the transformer's, one of engine.device.PRECISIONS."""
        self.card = card
        self.device = device
        self.precision = choose_precision(device, precision)
        self._dtype = torch.bfloat16 if self.precision == "bfloat16" else torch.float32
        self._model = model.to(device)
        _lower_precision(self._model.transformer, self._dtype)
        if self.precision == "int8":
            quantise_blocks(self._model.transformer)

    @torch.inference_mode()
    def generate(
        self,
        recipe: Recipe,
        source: Clip | None = None,
        on_step: OnStep = lambda step, steps: True,
    ) -> Generated:
        """Make a recipe's clip; `on_step(step, steps)` may return False to cancel.

        Raises GenerationCancelled then.
        """
        recipe = replace(recipe, seed=draw_seed() if recipe.seed is None else recipe.seed)
        clock = _Clock()
        random = torch.Generator().manual_seed(recipe.seed or 0)
        velocity = self._velocity(recipe)
        clock.mark("text")
        beginning = self._beginning(recipe, source, random)
        clock.mark("encode")
        latents = self._sample(recipe, velocity, beginning, random, on_step)
        clock.mark("steps")
        clip = self._decoded(latents, recipe)
        clock.mark("decode")
        return Generated(recipe, clip, clock.timing())

    def _velocity(self, recipe: Recipe) -> Velocity:
        scale = self._model.sampling.guidance
        conditioning = self._model.condition(recipe.prompt, recipe.seconds)
        if scale != 1:
            without = self._model.condition(recipe.prompt, recipe.seconds, promptless=True)
            conditioning = joined(conditioning, without)
        conditioning = replace(
            conditioning,
            tokens=conditioning.tokens.to(self._dtype),
            overall=conditioning.overall.to(self._dtype),
        )
        transformer = self._model.transformer
        known = transformer.known(conditioning, self._model.latents_for(recipe.seconds))

        def network(x: Tensor, now: Tensor) -> Tensor:
            velocity: Tensor = transformer(x.to(self._dtype), now, known)
            return velocity.float()

        return network if scale == 1 else guided(network, scale)

    def _beginning(self, recipe: Recipe, source: Clip | None, random: torch.Generator) -> Beginning:
        model, channels = self._model, self._model.transformer.config.io_channels
        latents = model.latents_for(recipe.seconds)
        noise = torch.randn(1, channels, latents, generator=random).to(self.device)
        if source is None or recipe.strength is None:
            return Beginning(noise)
        audio = _source_audio(source, latents * model.samples_per_latent, model.source_peak)
        return Beginning(noise, model.encode(audio.to(self.device), random), recipe.strength)

    def _sample(
        self,
        recipe: Recipe,
        velocity: Velocity,
        beginning: Beginning,
        random: torch.Generator,
        on_step: OnStep,
    ) -> Tensor:
        def report(step: int) -> None:
            if not on_step(step, recipe.steps):
                raise GenerationCancelled

        def noise(like: Tensor) -> Tensor:
            return torch.randn(like.shape, generator=random).to(like)

        report(0)
        return sample(self._model.sampling, velocity, beginning, recipe.steps, noise, report)

    def _decoded(self, latents: Tensor, recipe: Recipe) -> Clip:
        audio = self._model.decode(latents, _frames(recipe), recipe.seed or 0)[0]
        samples = np.ascontiguousarray(audio.numpy().T, np.float32)
        fade = min(len(samples), round(FADE_S * RATE_HZ))
        samples[len(samples) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)[:, None]
        return Clip(_rounded_off(samples), RATE_HZ)


class _Clock:
    """Measures the stages of one generation."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self._ms: dict[str, float] = {}

    def mark(self, stage: str) -> None:
        now = time.perf_counter()
        self._ms[stage] = (now - self._last) * 1e3
        self._last = now

    def timing(self) -> Timing:
        ms = self._ms
        whole = (self._last - self._start) * 1e3
        return Timing(ms["text"], ms["encode"], ms["steps"], ms["decode"], whole)


def _lower_precision(transformer: DiffusionTransformer, dtype: torch.dtype) -> None:
    """Cast all but the frequencies of times and positions, as training keeps them.

    At 12 s a rounded frequency would put the last token a third of a radian off.
    """
    rotary = transformer.transformer.rotary_pos_emb
    exact = rotary.inv_freq.clone(), deepcopy(transformer.timestep_features)
    transformer.to(dtype)
    rotary.inv_freq, transformer.timestep_features = exact


def _rounded_off(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bend what lies above the knee so that it ends below 1: a lone peak costs no loudness."""
    above = np.maximum(np.abs(samples) - KNEE, 0)
    bent = np.sign(samples) * (KNEE + (LOUDEST - KNEE) * np.tanh(above / (LOUDEST - KNEE)))
    return np.where(above > 0, bent, samples).astype(np.float32)


def _frames(recipe: Recipe) -> int:
    return round(recipe.seconds * RATE_HZ)


def _source_audio(source: Clip, frames: int, level: float | None) -> Tensor:
    """A recording as (1, 2, frames) at the model's rate and level, cut or filled with silence.

    `level` is the peak it is brought to; None leaves it.
    """
    samples = source.stereo().at_rate(RATE_HZ).samples[:frames]
    padded = np.zeros((frames, 2), np.float32)
    padded[: len(samples)] = samples
    peak = float(np.abs(padded).max())
    if level is not None and peak > QUIETEST_SOURCE:
        padded *= level / peak
    return torch.from_numpy(padded.T.copy())[None]


def load_generator(folder: Path, device: str = "auto") -> Generator:
    """Load a model folder onto a device; raises EngineError with what to do."""
    model, card = load_model(folder)
    return Generator(model, card, choose_device(device))
