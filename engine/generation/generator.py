"""Recipe to clip on one page: conditioning, noise, steps, decoding. Needs torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.api import GenerationCancelled, InsufficientMemoryError, Recipe, Timing
from engine.clip import Clip
from engine.generation.batching import group_batchable, with_seed
from engine.generation.decoding import Decoder, OnPreview, count_frames
from engine.generation.denoising import (
    LatentInputs,
    condition,
    denoise,
    draw_start,
    draw_step_noises,
    encode_inpaint_cond,
)
from engine.generation.graph_replay import replay_steps, replay_whole
from engine.generation.placement import ON_THE_CPU, PlacedModel, Reload
from engine.generation.stage_clock import StageClock
from engine.hardware.device import choose_device
from engine.hardware.memory import is_out_of_memory
from engine.library.card import ModelCard
from engine.loading.model_folder import load_model
from engine.loading.sound_model import SoundModel
from engine.sampling.sample import count_steps
from engine.sound.postprocess import postprocess

IN_WINDOWS = "Memory is short: the sound was decoded in small parts, which takes longer."

OnStep = Callable[[int, int], bool]


@dataclass(frozen=True, slots=True)
class Generated:
    """A finished clip, the recipe that makes it again and how long it took.

    `notice` tells the player what could not be done as usual; "" when all could.
    """

    recipe: Recipe
    clip: Clip
    timing: Timing
    notice: str = ""


class Generator:
    """A loaded model that makes clips."""

    def __init__(
        self,
        model: SoundModel,
        card: ModelCard,
        device: str,
        precision: str | None = None,
        reload: Reload | None = None,
    ) -> None:
        """`precision` is one of engine.hardware.device.PRECISIONS; `reload` loads the model again.

        It is called to fall back to the CPU, since the given model is modified for its device.
        """
        self.card = card
        self._placed = PlacedModel(model, device, precision, reload)

    @property
    def model(self) -> SoundModel:
        """The model, modified for its device."""
        return self._placed.model

    @property
    def device(self) -> str:
        """Where the model runs."""
        return self._placed.device

    @property
    def precision(self) -> str:
        """The precision of the sampling steps."""
        return self._placed.precision

    def generate(
        self,
        recipe: Recipe,
        source: Clip | None = None,
        on_step: OnStep = lambda step, steps: True,
        on_preview: OnPreview | None = None,
    ) -> Generated:
        """Make a recipe's clip; `on_step(step, steps)` may return False to cancel.

        `on_preview` gets the beginning of a long clip as soon as it is decoded. Raises
        GenerationCancelled, and EngineError where memory does not suffice.
        """

        def make(recipes: list[Recipe]) -> list[Generated]:
            return self._generate_batch(recipes, source, on_step, on_preview)

        return self._placed.make_within_memory([with_seed(recipe)], make)[0]

    def generate_all(
        self,
        recipes: Sequence[Recipe],
        source: Clip | None = None,
        on_step: OnStep = lambda step, steps: True,
    ) -> Iterator[Generated]:
        """Make many clips, in order, equally long ones in batches.

        Clips equal those of `generate` up to rounding. Raises as it does.
        """

        def make(batch: list[Recipe]) -> list[Generated]:
            return self._generate_batch(batch, source, on_step, None)

        for batch in group_batchable([with_seed(recipe) for recipe in recipes]):
            yield from self._placed.make_within_memory(batch, make)

    @torch.inference_mode()
    def _generate_batch(
        self,
        recipes: list[Recipe],
        source: Clip | None,
        on_step: OnStep,
        on_preview: OnPreview | None,
    ) -> list[Generated]:
        """Make clips of recipes that differ only in prompt and seed."""
        placed, clock, like = self._placed, StageClock(len(recipes)), recipes[0]
        randoms = [torch.Generator().manual_seed(recipe.seed or 0) for recipe in recipes]
        # Conditioning.
        inpaint_cond = encode_inpaint_cond(placed, like, source)
        conditioning = condition(placed, recipes, inpaint_cond)
        clock.mark("text")
        # Noise.
        start = draw_start(placed, like, source, randoms)
        clock.mark("encode")
        steps = count_steps(placed.model.sampling, like.steps, start.time)
        noises = draw_step_noises(placed, steps, start, randoms)
        inputs = LatentInputs(conditioning, inpaint_cond, start, noises)
        # Steps.
        _report(on_step, 0, steps)
        samples = replay_whole(placed, inputs, steps, count_frames(like, placed.model.sample_rate))
        latents = None if samples is not None else replay_steps(placed, inputs, steps)
        if samples is not None or latents is not None:
            _report(on_step, steps, steps)
        else:
            latents = denoise(placed, inputs, steps, lambda step: _report(on_step, step, steps))
        clock.mark("steps")
        # Decoding.
        made = []
        for row, recipe in enumerate(recipes):
            if samples is not None:
                clip = self._cut_clip(samples[row], recipe)
            else:
                assert latents is not None
                clip = self._decode(latents[row : row + 1], recipe, on_preview)
            clock.mark("decode")
            made.append(Generated(recipe, clip, clock.timing(), placed.take_notice()))
        return made

    def _decode(self, latents: Tensor, recipe: Recipe, on_preview: OnPreview | None) -> Clip:
        placed = self._placed
        decoder = Decoder(placed.model, placed.device)
        clip = decoder.decode(latents, recipe, on_preview)
        if decoder.was_windowed:
            placed.notice = placed.notice or IN_WINDOWS
        return clip

    def _cut_clip(self, samples: Tensor, recipe: Recipe) -> Clip:
        """Make a clip of samples (2, T) decoded by a graph, cut to the requested length."""
        rate = self._placed.model.sample_rate
        frames = count_frames(recipe, rate)
        return postprocess(np.ascontiguousarray(samples[:, :frames].numpy().T), rate)


def _report(on_step: OnStep, step: int, steps: int) -> None:
    """Report a step; raises GenerationCancelled if the callback returns False."""
    if not on_step(step, steps):
        raise GenerationCancelled


def load_generator(folder: Path, device: str = "auto", *, beside: bool = False) -> Generator:
    """Load a model folder onto a device; raises EngineError, which says what to do.

    Raises InsufficientMemoryError where memory does not suffice; with `beside` (another engine
    process still runs) also instead of falling back to the CPU.
    """
    chosen = choose_device(device)
    try:
        model, card = load_model(folder)
        generator = Generator(model, card, chosen, reload=lambda: load_model(folder)[0])
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise InsufficientMemoryError(
            f"There is not enough memory for the model in {folder.name}: close other programs, "
            "or choose a smaller one."
        ) from error
    if beside and generator.device != chosen:
        raise InsufficientMemoryError(ON_THE_CPU)
    return generator
