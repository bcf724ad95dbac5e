"""Compares speed and output with stable-audio-tools, if that is installed.

It runs in this process with the same weights and seed. Needs torch.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.api import EngineError, Recipe
from engine.bench.generation import WARMUP_RUNS, Spread, agreement_db, summarise
from engine.hardware.weights import read_tensors
from engine.library.published_files import find_published, read_config
from engine.loading.stable_audio.config_open import KINDS, parse_config
from engine.process.generator_protocol import Generator
from engine.sampling.config import SamplingConfig

_QUIET = 0.79
"""Louder samples are soft-clipped here and not there."""
_FADE = 400
_SAMPLERS: dict[str, dict[str, Any]] = {
    "ping_pong": {"sampler_type": "pingpong"},
    "euler_log_snr": {"sampler_type": "euler"},
    "v_dpm_3m_sde": {"sampler_type": "dpmpp-3m-sde", "sigma_min": 0.3, "sigma_max": 500},
}

Samples = NDArray[np.float32]
Make = Callable[[Recipe], Samples]
"""Makes a recipe's sound, (frames, 2)."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Milliseconds here and there, their ratio, and how closely the sounds agree.

    `agreement_db` is how far the difference lies below the reference's sound; None where it draws
    the noise between the steps in another way, so that the sounds must differ.
    """

    here_ms: Spread
    there_ms: Spread
    ratio: float
    agreement_db: float | None
    precision: str


def compare(generator: Generator, folder: Path, recipe: Recipe, runs: int) -> Comparison:
    """Time the recipe `runs` times in both, alternating. Raises EngineError."""
    there = load_reference(folder, generator.device)
    here_ms: list[float] = []
    there_ms: list[float] = []
    pair: tuple[Samples, Samples] | None = None
    for run in range(WARMUP_RUNS + runs):
        seeded = replace(recipe, seed=run)
        started = time.perf_counter()
        ours = generator.generate(seeded, None, lambda step, steps: True).clip.samples
        between = time.perf_counter()
        theirs = there(seeded)
        if run >= WARMUP_RUNS:
            here_ms.append((between - started) * 1e3)
            there_ms.append((time.perf_counter() - between) * 1e3)
        pair = ours, theirs
    assert pair is not None
    here, other = summarise(here_ms), summarise(there_ms)
    sampler = _read_sampling(folder).sampler
    alike = None if sampler == "v_dpm_3m_sde" else quiet_agreement_db(*pair)
    return Comparison(here, other, round(other.median / here.median, 2), alike, generator.precision)


def quiet_agreement_db(ours: Samples, theirs: Samples) -> float:
    """Return how far the difference lies below the sound, where nothing was clipped or faded."""
    frames = min(len(ours), len(theirs)) - _FADE
    ours, theirs = ours[_FADE:frames], theirs[_FADE:frames]
    quiet = np.abs(theirs) < _QUIET
    return agreement_db(ours[quiet], theirs[quiet])


def load_reference(folder: Path, device: str) -> Make:
    """Load a published model into stable-audio-tools; raises EngineError if that fails."""
    files = find_published(folder)
    if files is None:
        raise EngineError("Only published models can be compared: choose one with --model.")
    if read_config(files.config).get("model_type") != KINDS[0]:
        raise EngineError("Stable Audio 3 has code of its own, which is not compared with here.")
    try:
        models = importlib.import_module("stable_audio_tools.models")
        generation = importlib.import_module("stable_audio_tools.inference.generation")
    except ImportError as error:
        raise EngineError(
            f"stable-audio-tools is not in this Python ({error}): install it, then try again."
        ) from error
    table = read_config(files.config)
    # Or it would pass float16 to its decoder, which is float32 below: float16 is very slow on CPUs.
    table["model"].get("pretransform", {})["model_half"] = False
    sampling = _read_sampling(folder)
    with contextlib.redirect_stdout(sys.stderr):
        model: Any = models.create_model_from_config(table)
    model.load_state_dict(read_tensors(files.weights))
    model.to(device).float().eval()

    def make(recipe: Recipe) -> Samples:
        conditioning = {
            "prompt": recipe.prompt,
            "seconds_start": 0,
            "seconds_total": recipe.seconds,
        }
        # It prints its seed and a progress bar.
        with contextlib.redirect_stdout(sys.stderr), torch.inference_mode():
            audio = generation.generate_diffusion_cond(
                model,
                steps=recipe.steps,
                cfg_scale=sampling.guidance,
                conditioning=[conditioning],
                sample_size=table["sample_size"],
                seed=recipe.seed,
                device=device,
                **_SAMPLERS[sampling.sampler],
            )
        samples: Samples = audio[0].float().cpu().numpy().T
        return samples

    return make


def _read_sampling(folder: Path) -> SamplingConfig:
    files = find_published(folder)
    assert files is not None
    return parse_config(read_config(files.config)).sampling
