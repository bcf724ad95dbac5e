"""Recipe to Clip: the whole of generation on one page. Engine process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.acceleration.cuda_graphs import CompiledBlocks, OnGpu, Recorder
from engine.acceleration.prepare import fit
from engine.api import EngineError, GenerationCancelled, InsufficientMemoryError, Recipe, Timing
from engine.clip import Clip
from engine.generation.batching import alike, drawn, seeded
from engine.generation.decoding import Decoder, OnPreview, count_frames
from engine.hardware.device import choose_device, choose_precision, steps_dtype
from engine.hardware.memory import empty_caches, is_out_of_memory
from engine.library.card import ModelCard
from engine.loading.model_folder import load_model
from engine.loading.sound_model import Asked, SoundModel
from engine.models.dit import Known
from engine.sampling.guidance import guided, joined
from engine.sampling.sample import Beginning, sample, sampler_from, steps_taken
from engine.sampling.samplers import Velocity
from engine.sound.postprocess import postprocess, prepare_source

LATENTS_APART = 32
"""How many latents a recording on a GPU decodes is a multiple of that."""
IN_PARTS = "Memory is short: the sound was decoded in small parts, which takes longer."
FEWER_AT_ONCE = "Memory is short: fewer sounds were made at a time, which takes longer."
ON_THE_CPU = "The GPU's memory is full: sounds are made on the processor now, which takes longer."

_WITH_NOISE = ("ping_pong", "v_dpm_3m_sde")
"""Samplers that add noise between their steps."""

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


@dataclass(frozen=True, slots=True)
class _Given:
    """All that making latents reads: prompts, or what is already known of them, and noise."""

    told: Asked | Known
    kept: Tensor | None
    beginning: Beginning
    noises: tuple[Tensor, ...]


class Generator:
    """A loaded model that makes clips."""

    def __init__(
        self,
        model: SoundModel,
        card: ModelCard,
        device: str,
        precision: str | None = None,
        reload: Callable[[], SoundModel] | None = None,
    ) -> None:
        """`precision` is one of engine.hardware.device.PRECISIONS; `reload` loads the model anew.

        That is needed where the device has no room for it, since here it is changed for the device.
        """
        self.card = card
        self._reload = reload
        self._notice = ""
        try:
            self._settle(model, device, precision)
            return
        except (RuntimeError, MemoryError) as error:
            self._check_is_escape(error, device)
        del model
        self._go_to_the_cpu()

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
        return self._made_somehow([seeded(recipe)], source, on_step, on_preview)[0]

    def generate_all(
        self,
        recipes: Sequence[Recipe],
        source: Clip | None = None,
        on_step: OnStep = lambda step, steps: True,
    ) -> Iterator[Generated]:
        """Make many clips, in their order, those that are equally long together.

        Their numbers are those of `generate` to rounding. Raises as it does.
        """
        for group in alike([seeded(recipe) for recipe in recipes]):
            yield from self._made_somehow(group, source, on_step, None)

    def _made_somehow(
        self,
        recipes: list[Recipe],
        source: Clip | None,
        on_step: OnStep,
        on_preview: OnPreview | None,
    ) -> list[Generated]:
        """Where memory is short, with half as many at a time, in the end on the processor."""
        try:
            return self._made(recipes, source, on_step, on_preview)
        except (RuntimeError, MemoryError) as error:
            if len(recipes) == 1 or not is_out_of_memory(error):
                self._check_is_escape(error, self.device)
        if len(recipes) == 1:
            self._go_to_the_cpu()
            return self._made(recipes, source, on_step, on_preview)
        empty_caches()
        self._notice = FEWER_AT_ONCE
        middle = len(recipes) // 2
        return [
            made
            for half in (recipes[:middle], recipes[middle:])
            for made in self._made_somehow(half, source, on_step, None)
        ]

    @torch.inference_mode()
    def _made(
        self,
        recipes: list[Recipe],
        source: Clip | None,
        on_step: OnStep,
        on_preview: OnPreview | None,
    ) -> list[Generated]:
        """Clips of recipes that differ in nothing but prompt and seed."""
        clock, like = _Clock(len(recipes)), recipes[0]
        randoms = [torch.Generator().manual_seed(recipe.seed or 0) for recipe in recipes]
        kept = self._kept(like, source)
        told = self._told(recipes, kept)
        clock.mark("text")
        beginning = self._beginning(like, source, randoms)
        clock.mark("encode")
        like = replace(like, steps=steps_taken(self._model.sampling, like.steps, beginning.start))
        given = _Given(told, kept, beginning, self._noises(like, beginning, randoms))
        _go_on(on_step, 0, like.steps)
        sounds = self._played_back(like, given, on_step)
        latents = None if sounds is not None else self._sample(like, given, on_step)
        clock.mark("steps")
        made = []
        for row, recipe in enumerate(recipes):
            if sounds is not None:
                frames = count_frames(recipe, self._model.sample_rate)
                samples = np.ascontiguousarray(sounds[row, :, :frames].numpy().T)
                clip = postprocess(samples, self._model.sample_rate)
            else:
                assert latents is not None
                decoder = Decoder(self._model, self.device)
                clip = decoder.decode(latents[row : row + 1], recipe, on_preview)
                if decoder.was_windowed:
                    self._notice = self._notice or IN_PARTS
            clock.mark("decode")
            notice, self._notice = self._notice, ""
            made.append(Generated(recipe, clip, clock.timing(), notice))
        return made

    # --- where it runs ---

    def _settle(self, model: SoundModel, device: str, precision: str | None) -> None:
        """Bring a model that was just loaded to a device, and change it for that."""
        self.device, self.precision = device, choose_precision(device, precision)
        self._dtype = steps_dtype(self.precision)
        self._model = model.to(device)
        fit(self._model, device, self.precision)
        self._gpu = (
            OnGpu(CompiledBlocks(model.transformer), Recorder())
            if device.startswith("cuda")
            else None
        )

    def _check_is_escape(self, error: Exception, device: str) -> None:
        """Return where the CPU may yet do what a GPU had no room for; else raise."""
        if not is_out_of_memory(error):
            raise error
        if device == "cpu" or self._reload is None:
            raise InsufficientMemoryError(
                "There is not enough memory for this sound: close other programs, ask for fewer "
                "seconds, or choose a smaller model."
            ) from error

    def _go_to_the_cpu(self) -> None:
        assert self._reload is not None
        if hasattr(self, "_model"):
            del self._model
        empty_caches()
        self._settle(self._reload(), "cpu", None)
        self._notice = ON_THE_CPU

    # --- from words to latents ---

    def _told(self, recipes: list[Recipe], kept: Tensor | None) -> Asked | Known:
        """The prompts; read at once, where reading them is not recorded with the steps."""
        prompts, like = [recipe.prompt for recipe in recipes], recipes[0]
        if like.avoid and self._model.sampling.guidance == 1:
            raise EngineError(
                "This model makes sounds in few steps, without guidance, and cannot be told what "
                "to avoid: leave it out, or choose another model."
            )
        avoided = [recipe.avoid for recipe in recipes if recipe.avoid]
        asked = self._model.ask([*prompts, *avoided], like.seconds)
        if self._gpu is not None and self._model.records_all:
            return asked
        return self._known(asked, kept, len(recipes), self._model.latents_for(like.seconds))

    def _known(self, asked: Asked, kept: Tensor | None, sounds: int, latents: int) -> Known:
        """What the transformer is told; where it is guided, what to go away from too.

        That is what the prompts after those of the `sounds` say, or no prompt at all.
        """
        conditioning = self._model.condition(asked)
        if self._model.sampling.guidance != 1 and len(asked.seconds) == sounds:
            conditioning = joined(conditioning, self._model.condition(asked, promptless=True))
        rows = len(conditioning.tokens)
        conditioning = replace(
            conditioning,
            tokens=conditioning.tokens.to(self._dtype),
            overall=conditioning.overall.to(self._dtype),
            kept=None if kept is None else kept.expand(rows, -1, -1),
        )
        return self._model.transformer.known(conditioning, latents)

    def _kept(self, recipe: Recipe, source: Clip | None) -> Tensor | None:
        """What is given of the recording of which a part is made anew."""
        if recipe.remake_from is None or recipe.remake_to is None:
            return None
        if source is None:
            raise EngineError("Give the recording of which a part is to be made anew.")
        audio = self._audio(recipe, source)
        return self._model.kept(audio, recipe.seconds, recipe.remake_from, recipe.remake_to)

    def _audio(self, recipe: Recipe, source: Clip) -> Tensor:
        """A recording as the model encodes it."""
        model = self._model
        frames = model.latents_for(recipe.seconds) * model.samples_per_latent
        return prepare_source(source, frames, model.sample_rate, model.source_peak).to(self.device)

    def _velocity(self, known: Known) -> Velocity:
        transformer, scale = self._model.transformer, self._model.sampling.guidance

        def network(x: Tensor, now: Tensor) -> Tensor:
            velocity: Tensor = transformer(x.to(self._dtype), now, known)
            return velocity.float()

        return network if scale == 1 else guided(network, scale)

    def _beginning(
        self, recipe: Recipe, source: Clip | None, randoms: list[torch.Generator]
    ) -> Beginning:
        model, channels = self._model, self._model.transformer.config.io_channels
        shape = 1, channels, model.latents_for(recipe.seconds)
        noise = drawn(shape, randoms).to(self.device)
        if source is None or recipe.strength is None:
            return Beginning(noise)
        audio = self._audio(recipe, source)
        encoded = torch.cat([model.encode(audio, random) for random in randoms])
        return Beginning(noise, encoded, recipe.strength)

    def _noises(
        self, recipe: Recipe, beginning: Beginning, randoms: list[torch.Generator]
    ) -> tuple[Tensor, ...]:
        """What the sampler adds between its steps; drawn on the CPU, for the same seed's sake."""
        like, sampler = beginning.noise, sampler_from(self._model.sampling, beginning.start)
        count = recipe.steps - 1 if sampler in _WITH_NOISE else 0
        return tuple(drawn((1, *like.shape[1:]), randoms).to(like) for _ in range(count))

    def _sample(self, recipe: Recipe, given: _Given, on_step: OnStep) -> Tensor:
        """Latents of all that is given."""
        steps = recipe.steps

        def report(step: int) -> None:
            _go_on(on_step, step, steps)

        if self._gpu is not None and isinstance(given.told, Known):
            kind = steps, given.beginning.start, self._gpu.blocks.shapes
            latents = self._gpu.recorder.play(kind, lambda mine: self._latents(mine, steps), given)
            if latents is not None:
                report(steps)
                return latents
        return self._latents(given, steps, report)

    def _latents(
        self, given: _Given, steps: int, report: Callable[[int], None] = lambda step: None
    ) -> Tensor:
        """The steps, whose noises go in one by one."""
        known, noises = given.told, iter(given.noises)
        if isinstance(known, Asked):
            sounds, _, latents = given.beginning.noise.shape
            known = self._known(known, given.kept, sounds, latents)
        return sample(
            self._model.sampling,
            self._velocity(known),
            given.beginning,
            steps,
            lambda x: next(noises),
            report,
        )

    def _played_back(self, recipe: Recipe, given: _Given, on_step: OnStep) -> Tensor | None:
        """The sounds (B, 2, T) of a recording of all that is done; None where there is none yet."""
        if self._gpu is None or not isinstance(given.told, Asked):
            return None
        model, latents = self._model, given.beginning.noise.shape[-1]
        needed = -(-count_frames(recipe, self._model.sample_rate) // model.samples_per_latent)
        count = min(-(-needed // LATENTS_APART) * LATENTS_APART, latents)
        if Decoder(model, self.device).largest_window() < count * len(given.beginning.noise):
            return None

        def work(mine: _Given) -> Tensor:
            return model.decode_whole(self._latents(mine, recipe.steps), count)

        start = given.beginning.start
        kind = recipe.steps, start, given.told.valid, count, self._gpu.blocks.shapes
        sounds = self._gpu.recorder.play(kind, work, given, copied_out=True)
        if sounds is not None:
            _go_on(on_step, recipe.steps, recipe.steps)
        return sounds


class _Clock:
    """Measures the stages of one generation of `count` sounds, each of which is decoded alone."""

    def __init__(self, count: int) -> None:
        self._last = time.perf_counter()
        self._count = count
        self._ms: dict[str, float] = {}

    def mark(self, stage: str) -> None:
        now = time.perf_counter()
        each = 1 if stage == "decode" else self._count
        self._ms[stage] = (now - self._last) * 1e3 / each
        self._last = now

    def timing(self) -> Timing:
        ms = self._ms
        return Timing(ms["text"], ms["encode"], ms["steps"], ms["decode"], sum(ms.values()))


def _go_on(on_step: OnStep, step: int, steps: int) -> None:
    """Report a step; raises GenerationCancelled where that ends the work."""
    if not on_step(step, steps):
        raise GenerationCancelled


def load_generator(folder: Path, device: str = "auto", *, beside: bool = False) -> Generator:
    """Load a model folder onto a device; raises EngineError with what to do.

    `beside` another engine process a full device is no reason to go to the processor: then it
    raises InsufficientMemoryError, as where memory does not suffice at all.
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
