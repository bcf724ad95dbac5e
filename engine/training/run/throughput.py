"""How fast a run goes: samples a second, and the share of the machine's matrix rate it reaches."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch

from engine.hardware.device import has_fast_bfloat16
from engine.models.dit import TIMESTEP_FEATURES, DiffusionTransformerConfig
from engine.training.run import distributed as processes
from engine.training.settings import Scale

SPEED = ("seconds", "cpu_seconds", "samples_per_s", "matrix_share")
"""The names of what differs from run to run of the same config."""
MEASURED_S, LEAST_PRODUCTS = 0.1, 30
TRAINED = 3
"""Products of a trained pass for each one forward: for the output, the weight and the input."""


@dataclass(frozen=True, slots=True)
class Work:
    """What one step did, over all processes: sounds, and the transformer's operations."""

    samples: int
    flops: float = 0.0


class Stopwatch:
    """Adds up a run's work between two lines of its metrics; `begin` just before the first step."""

    def __init__(self) -> None:
        self._samples, self._flops = 0, 0.0
        self._rate: float | None = None
        self.begin()

    def begin(self) -> None:
        """Let the clock run from now."""
        self._clock, self._processor = time.perf_counter(), time.process_time()

    def know_rate(self, rate: float) -> None:
        """Shares will be of this rate, in operations a second of all processes together."""
        self._rate = rate

    def add(self, work: Work) -> None:
        """Count one step."""
        self._samples += work.samples
        self._flops += work.flops

    def read(self) -> dict[str, float]:
        """What was done since the last reading, named as in SPEED; `seconds` are by the wall."""
        seconds = time.perf_counter() - self._clock
        values = {"seconds": seconds, "cpu_seconds": time.process_time() - self._processor}
        if self._samples:
            values["samples_per_s"] = self._samples / seconds
        if self._flops and self._rate:
            values["matrix_share"] = self._flops / seconds / self._rate
        self._samples, self._flops = 0, 0.0
        self.begin()
        return {name: float(f"{value:.4g}") for name, value in values.items()}


def matrix_rate(device: str, scale: Scale) -> float:
    """Measure products of large square matrices in a run's precision: operations a second.

    The best of thirty or more, which is what the machine can do; times the number of processes,
    which are taken to be alike.
    """
    # Small on a CPU: other work interrupts a product of more than some milliseconds every time.
    size = 4096 if device.startswith("cuda") else 512 * math.isqrt(torch.get_num_threads())
    kind = torch.bfloat16 if scale.bf16 and has_fast_bfloat16(device) else torch.float32
    one, other = (torch.randn(size, size, device=device, dtype=kind) for _ in range(2))
    _ = one @ other
    best, done, begun = math.inf, 0, time.perf_counter()
    while done < LEAST_PRODUCTS or time.perf_counter() - begun < MEASURED_S:
        _wait_for(device)
        started = time.perf_counter()
        _ = one @ other
        _wait_for(device)
        best, done = min(best, time.perf_counter() - started), done + 1
    return 2 * size**3 / best * processes.count()


def _wait_for(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def transformer_flops(
    config: DiffusionTransformerConfig,
    latents: int,
    context: int,
    depth: int | None = None,
) -> float:
    """Operations of one item's forward pass: a multiplication and an addition are two.

    Only matrix products count; those of times and places, a thousandth, are left out. `latents` are
    the item's length, `context` the tokens it attends to. With a `depth` only so many blocks run
    and nothing after them, as in the discriminator.
    """
    width, channels = config.embed_dim, config.io_channels * config.patch_size
    tokens = latents // config.patch_size
    length = tokens + 1
    inner = config.ff_multiple * width
    attention = 4 * length * width**2 + 2 * length**2 * width
    cross = 2 * (length + context) * width**2 + 2 * length * context * width
    # The feed-forward layer is gated: two matrices in, one out.
    block = attention + cross + 3 * length * width * inner
    once = tokens * (channels**2 + channels * width)
    once += context * (config.cond_token_dim + width) * width
    once += (config.global_cond_dim + TIMESTEP_FEATURES + 2 * width) * width
    if config.modulated:
        once += 7 * width**2
    blocks = config.depth if depth is None else depth
    ending = 0 if depth is not None else tokens * (channels**2 + channels * width)
    return 2.0 * (once + blocks * block + ending)
