"""Recipe to Clip: the whole of generation on one page. Engine process."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.api import EngineError, GenerationCancelled, Recipe, Timing
from engine.clip import Clip
from engine.compiled import lay_channels_last, pack_products, quantise_blocks
from engine.device import choose_device, choose_precision, draw_seed, sound_dtype, steps_dtype
from engine.gpu import CompiledBlocks, OnGpu, Recorder
from engine.memory import free_bytes, is_out_of_memory
from engine.model_card import ModelCard
from engine.model_folder import load_model
from engine.models.dit import DiffusionTransformer, Known
from engine.models.oobleck import Oobleck
from engine.models.spectral_features import RATE_HZ
from engine.playable import WHOLE, PlayableModel, Windows
from engine.sampling.guidance import guided, joined
from engine.sampling.sample import Beginning, sample
from engine.sampling.samplers import Velocity

FADE_S = 0.004
LOUDEST, KNEE = 0.99, 0.8
"""Up to the knee samples stay as they are; peaks above are rounded off towards the loudest."""
QUIETEST_SOURCE = 1e-4

FIRST_PART = 32
"""Latents that are decoded first, where somebody waits to hear them: 1.5 s of Stable Audio."""
LEAST_WINDOW = 8
BYTES_A_SAMPLE = 2048
"""What decoding one sample takes at most: four times 128 channels in float32."""
IN_PARTS = "Memory is short: the sound was decoded in small parts, which takes longer."
ON_THE_CPU = "The GPU's memory is full: sounds are made on the processor now, which takes longer."

_WITH_NOISE = ("ping_pong", "v_dpm_3m_sde")
"""Samplers that add noise between their steps."""

OnStep = Callable[[int, int], bool]
OnPart = Callable[[Clip], None]


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
    """All that the steps read."""

    known: Known
    beginning: Beginning
    noises: tuple[Tensor, ...]


class Generator:
    """A loaded model that makes clips, one at a time."""

    def __init__(
        self,
        model: PlayableModel,
        card: ModelCard,
        device: str,
        precision: str | None = None,
        reload: Callable[[], PlayableModel] | None = None,
    ) -> None:
        """`precision` is one of engine.device.PRECISIONS; `reload` loads the model anew.

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

    @torch.inference_mode()
    def generate(
        self,
        recipe: Recipe,
        source: Clip | None = None,
        on_step: OnStep = lambda step, steps: True,
        on_part: OnPart | None = None,
    ) -> Generated:
        """Make a recipe's clip; `on_step(step, steps)` may return False to cancel.

        `on_part` gets the beginning of a long clip as soon as it is decoded. Raises
        GenerationCancelled, and EngineError where memory does not suffice.
        """
        recipe = replace(recipe, seed=draw_seed() if recipe.seed is None else recipe.seed)
        try:
            return self._made(recipe, source, on_step, on_part)
        except (RuntimeError, MemoryError) as error:
            self._check_is_escape(error, self.device)
        self._go_to_the_cpu()
        return self._made(recipe, source, on_step, on_part)

    def _made(
        self, recipe: Recipe, source: Clip | None, on_step: OnStep, on_part: OnPart | None
    ) -> Generated:
        clock = _Clock()
        random = torch.Generator().manual_seed(recipe.seed or 0)
        known = self._known(recipe, source)
        clock.mark("text")
        beginning = self._beginning(recipe, source, random)
        clock.mark("encode")
        noises = self._noises(recipe, beginning.noise, random)
        latents = self._sample(recipe, _Given(known, beginning, noises), on_step)
        clock.mark("steps")
        clip = self._decoded(latents, recipe, on_part)
        clock.mark("decode")
        notice, self._notice = self._notice, ""
        return Generated(recipe, clip, clock.timing(), notice)

    # --- where it runs ---

    def _settle(self, model: PlayableModel, device: str, precision: str | None) -> None:
        """Bring a model that was just loaded to a device, and change it for that."""
        self.device, self.precision = device, choose_precision(device, precision)
        self._dtype = steps_dtype(self.precision)
        self._model = model.to(device)
        _lower_precision(model.transformer, self._dtype)
        for codec in [part for part in model.modules() if isinstance(part, Oobleck)]:
            lay_channels_last(codec, sound_dtype(device, self.precision))
        if self.precision.startswith("int8"):
            quantise_blocks(model.transformer)
        elif device == "cpu":
            pack_products(model.transformer)
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
            raise EngineError(
                "There is not enough memory for this sound: close other programs, ask for fewer "
                "seconds, or choose a smaller model."
            ) from error

    def _go_to_the_cpu(self) -> None:
        assert self._reload is not None
        if hasattr(self, "_model"):
            del self._model
        _empty_caches()
        self._settle(self._reload(), "cpu", None)
        self._notice = ON_THE_CPU

    # --- from words to latents ---

    def _known(self, recipe: Recipe, source: Clip | None) -> Known:
        """What the transformer is told; where it is guided, without the prompt too."""
        kept = self._kept(recipe, source)
        conditioning = self._model.condition(recipe.prompt, recipe.seconds)
        conditioning = replace(conditioning, kept=kept)
        if self._model.sampling.guidance != 1:
            without = self._model.condition(recipe.prompt, recipe.seconds, promptless=True)
            conditioning = joined(conditioning, replace(without, kept=kept))
        conditioning = replace(
            conditioning,
            tokens=conditioning.tokens.to(self._dtype),
            overall=conditioning.overall.to(self._dtype),
        )
        return self._model.transformer.known(conditioning, self._model.latents_for(recipe.seconds))

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
        return _source_audio(source, frames, model.source_peak).to(self.device)

    def _velocity(self, known: Known) -> Velocity:
        transformer, scale = self._model.transformer, self._model.sampling.guidance

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
        encoded = model.encode(self._audio(recipe, source), random)
        return Beginning(noise, encoded, recipe.strength)

    def _sample(self, recipe: Recipe, given: _Given, on_step: OnStep) -> Tensor:
        """Latents of all that is given, whose noises go in one by one."""
        steps, start = recipe.steps, given.beginning.start

        def report(step: int) -> None:
            if not on_step(step, steps):
                raise GenerationCancelled

        def work(given: _Given, report: Callable[[int], None] = lambda step: None) -> Tensor:
            noises, velocity = iter(given.noises), self._velocity(given.known)
            return sample(
                self._model.sampling,
                velocity,
                given.beginning,
                steps,
                lambda x: next(noises),
                report,
            )

        report(0)
        if self._gpu is None:
            return work(given, report)
        latents = self._gpu.recorder((steps, start, self._gpu.blocks.shapes), work, given)
        report(steps)
        return latents

    def _noises(self, recipe: Recipe, like: Tensor, random: torch.Generator) -> tuple[Tensor, ...]:
        """What the sampler adds between its steps; drawn on the CPU, for the same seed's sake."""
        count = recipe.steps - 1 if self._model.sampling.sampler in _WITH_NOISE else 0
        return tuple(torch.randn(like.shape, generator=random).to(like) for _ in range(count))

    # --- from latents to sound ---

    def _decoded(self, latents: Tensor, recipe: Recipe, on_part: OnPart | None) -> Clip:
        """Decode at once, or, where memory is short, in windows half as long until they fit."""
        window, in_parts = self._window(), False
        while True:
            windows = self._windows(recipe, window, on_part)
            parts = self._model.decode_parts(latents, _frames(recipe), recipe.seed or 0, windows)
            try:
                samples = self._joined(parts, windows, on_part)
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or window <= LEAST_WINDOW:
                    raise
            window = max(min(window, latents.shape[-1]) // 2, LEAST_WINDOW)
            in_parts, on_part = True, None
            _empty_caches()
        if in_parts:
            self._notice = self._notice or IN_PARTS
        return _clip(samples)

    def _window(self) -> int:
        """As many latents as half of the free memory holds: a full one may end the process."""
        free = free_bytes(self.device)
        if free is None:
            return WHOLE
        return max(free // 2 // BYTES_A_SAMPLE // self._model.samples_per_latent, LEAST_WINDOW)

    def _windows(self, recipe: Recipe, window: int, on_part: OnPart | None) -> Windows:
        long = _frames(recipe) > 2 * FIRST_PART * self._model.samples_per_latent
        return Windows(FIRST_PART if on_part is not None and long else window, window)

    def _joined(
        self, parts: Iterator[Tensor], windows: Windows, on_part: OnPart | None
    ) -> NDArray[np.float32]:
        """All parts as (frames, 2); the first one is said where it is not yet all."""
        pieces: list[NDArray[np.float32]] = []
        for part in parts:
            pieces.append(np.ascontiguousarray(part[0].numpy().T, np.float32))
            if on_part is not None and len(pieces) == 1 and windows.first == FIRST_PART:
                on_part(_clip(pieces[0].copy()))
        return np.concatenate(pieces)


def _clip(samples: NDArray[np.float32]) -> Clip:
    """A clip of samples (frames, 2), which are faded out at their end."""
    fade = min(len(samples), round(FADE_S * RATE_HZ))
    samples[len(samples) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)[:, None]
    return Clip(_rounded_off(samples), RATE_HZ)


def _empty_caches() -> None:
    """Give back what torch keeps for itself on GPUs."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


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
    return Generator(model, card, choose_device(device), reload=lambda: load_model(folder)[0])
