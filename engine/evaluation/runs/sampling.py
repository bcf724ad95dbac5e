"""Generates the sounds of all prompts with a model, and times it. Needs torch."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.api import MOST_STEPS, EngineError, Recipe
from engine.clip import Clip
from engine.evaluation.references.examples import Example
from engine.process.generator_protocol import Generator

SEED_STRIDE = 1_000_003
"""Seed distance of two sounds of one prompt, so that no two prompts share a seed."""
PROGRESS_EVERY = 25
_LINUX = sys.platform == "linux"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model's folder and its number of steps; None is the card's default."""

    name: str
    folder: Path
    steps: int | None = None


@dataclass(frozen=True, slots=True)
class SamplingPlan:
    """What is generated: `prompts` sounds, and for the first `varied` prompts `seeds` in all."""

    prompts: int
    varied: int
    seeds: int

    def __post_init__(self) -> None:
        """Refuse amounts that measure nothing."""
        if self.prompts < 2 or not 1 <= self.varied <= self.prompts or self.seeds < 2:
            raise EngineError(f"At least 2 prompts and 2 seeds are needed, got {self}.")


@dataclass(frozen=True, slots=True)
class GeneratedSounds:
    """Sounds of a model: one of each prompt, and (varied, seeds) of the first ones.

    `rtf` is seconds of sound made in a second.
    """

    clips: list[Clip]
    varied: list[list[Clip]]
    steps: int
    device: str
    precision: str
    rtf: float


@dataclass(frozen=True, slots=True)
class LoadedCandidate:
    """A loaded model, and the memory in MB that loading it and making a sound took at its peak.

    None where the system does not tell.
    """

    generator: Generator
    memory_mb: float | None


def parse_candidate(text: str, find: Callable[[str], Path]) -> Candidate:
    """Read "MODEL" or "MODEL@STEPS"; `find` turns a model's name into its folder."""
    name, _, steps = text.rpartition("@")
    if not name:
        return Candidate(text, find(text))
    if not steps.isdigit() or not 1 <= int(steps) <= MOST_STEPS:
        raise EngineError(f"Steps must be 1..{MOST_STEPS}, got {text}: write MODEL@8.")
    return Candidate(text, find(name), int(steps))


def generate_all(
    generator: Generator,
    steps: int,
    examples: Sequence[Example],
    amount: SamplingPlan,
    repeat: int,
    show: Callable[[str], None],
) -> GeneratedSounds:
    """Make every sound; `repeat` numbers runs with other seeds."""
    first_seed = repeat * amount.seeds * SEED_STRIDE
    _warm_up(generator, examples[0], steps)
    seconds = milliseconds = 0.0
    clips: list[Clip] = []
    varied: list[list[Clip]] = []
    for place, example in enumerate(examples):
        sounds = []
        for number in range(amount.seeds if place < amount.varied else 1):
            seed = example.seed + first_seed + number * SEED_STRIDE
            recipe = Recipe(example.prompt, example.seconds, steps, seed)
            made = generator.generate(recipe, None, never_cancel)
            sounds.append(made.clip)
            seconds += made.clip.seconds
            milliseconds += made.timing.whole_ms
        clips.append(sounds[0])
        if place < amount.varied:
            varied.append(sounds)
        if (place + 1) % PROGRESS_EVERY == 0:
            show(f"made {place + 1} of {len(examples)} sounds")
    rtf = 1e3 * seconds / max(milliseconds, 1e-9)
    return GeneratedSounds(clips, varied, steps, generator.device, generator.precision, rtf)


def load_candidate(
    load: Callable[[], Generator], steps: int | None, example: Example
) -> LoadedCandidate:
    """Load a model and make a sound, to measure the memory that takes.

    Twice, since the first time also allocates compiled code.
    """
    device = _load_warm(load, steps, example).device
    gc.collect()
    memory = _Memory(device)
    generator = _load_warm(load, steps, example)
    return LoadedCandidate(generator, memory.peak_mb())


def _load_warm(load: Callable[[], Generator], steps: int | None, example: Example) -> Generator:
    generator = load()
    _warm_up(generator, example, steps or generator.card.default_steps)
    return generator


def _warm_up(generator: Generator, example: Example, steps: int) -> None:
    """Make a sound untimed: the first one compiles and allocates."""
    recipe = Recipe(example.prompt, example.seconds, steps, example.seed)
    generator.generate(recipe, None, never_cancel)


def never_cancel(step: int, steps: int) -> bool:
    """Return True at every step: the callback of an uncancelled generation."""
    return True


class _Memory:
    """Measures the peak growth of memory since its creation: of the GPU, or of the process."""

    def __init__(self, device: str) -> None:
        self._cuda = device.startswith("cuda")
        if self._cuda:
            torch.cuda.reset_peak_memory_stats()
            self._before = torch.cuda.memory_allocated() / 1e6
            return
        # Memory that was freed but not released would hide new allocations.
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if _LINUX else None
        if trim is not None:
            trim(0)
        self._before = _process_mb("VmRSS:") or 0.0
        if _LINUX:
            # Resets the peak in /proc to the current use.
            with contextlib.suppress(OSError):
                Path("/proc/self/clear_refs").write_text("5", encoding="ascii")

    def peak_mb(self) -> float | None:
        """Peak in MB (1e6 bytes), less what was held before."""
        peak = torch.cuda.max_memory_allocated() / 1e6 if self._cuda else _process_mb("VmHWM:")
        return None if peak is None else max(0.0, peak - self._before)


def _process_mb(name: str) -> float | None:
    if not _LINUX:
        return None
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    lines = [line for line in status.splitlines() if line.startswith(name)]
    return int(lines[0].split()[1]) * 1024 / 1e6 if lines else None
