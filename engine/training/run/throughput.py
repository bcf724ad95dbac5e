"""A run's throughput: samples a second, and its share of the peak FLOPS. Needs torch."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch

from engine.hardware.device import has_fast_bfloat16
from engine.models.dit import TIMESTEP_FEATURES
from engine.models.dit_config import DiffusionTransformerConfig
from engine.training.run import distributed
from engine.training.settings import ScalingConfig

SPEED_METRICS = ("seconds", "cpu_seconds", "samples_per_s", "matrix_share")
"""Names of the speed metrics, which differ between runs of the same config."""
MEASURING_S, MIN_MATMULS = 0.1, 30
TRAINING_PASSES = 3
"""Matrix products of a training step for each of a forward pass: its own and two gradients'."""


@dataclass(frozen=True, slots=True)
class Work:
    """The work of one step over all processes: sounds, and the transformer's operations."""

    samples: int
    flops: float = 0.0


class ThroughputMeter:
    """Adds up a run's work between two lines of its metrics; `begin` just before the first step."""

    def __init__(self) -> None:
        self._samples, self._flops = 0, 0.0
        self._peak_flops: float | None = None
        self.begin()

    def begin(self) -> None:
        """Start the clock."""
        self._wall_time, self._cpu_time = time.perf_counter(), time.process_time()

    def set_peak_flops(self, peak_flops: float) -> None:
        """Set the peak that `matrix_share` refers to: operations a second of all processes."""
        self._peak_flops = peak_flops

    def add(self, work: Work) -> None:
        """Count one step."""
        self._samples += work.samples
        self._flops += work.flops

    def read(self) -> dict[str, float]:
        """Return the speed since the last reading, named as in SPEED_METRICS."""
        seconds = time.perf_counter() - self._wall_time
        values = {"seconds": seconds, "cpu_seconds": time.process_time() - self._cpu_time}
        if self._samples:
            values["samples_per_s"] = self._samples / seconds
        if self._flops and self._peak_flops:
            values["matrix_share"] = self._flops / seconds / self._peak_flops
        self._samples, self._flops = 0, 0.0
        self.begin()
        return {name: float(f"{value:.4g}") for name, value in values.items()}


def measure_peak_flops(device: str, scale: ScalingConfig) -> float:
    """Measure the operations a second of large matrix products in a run's precision.

    The best of thirty or more, times the number of processes, which are assumed to be alike.
    """
    # Small on a CPU: other work interrupts a product of more than some milliseconds every time.
    size = 4096 if device.startswith("cuda") else 512 * math.isqrt(torch.get_num_threads())
    dtype = torch.bfloat16 if scale.bf16 and has_fast_bfloat16(device) else torch.float32
    one, other = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    _ = one @ other
    best, done, started_at = math.inf, 0, time.perf_counter()
    while done < MIN_MATMULS or time.perf_counter() - started_at < MEASURING_S:
        _synchronize(device)
        started = time.perf_counter()
        _ = one @ other
        _synchronize(device)
        best, done = min(best, time.perf_counter() - started), done + 1
    return 2 * size**3 / best * distributed.world_size()


def _synchronize(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def transformer_flops(
    config: DiffusionTransformerConfig,
    latents: int,
    context: int,
    depth: int | None = None,
) -> float:
    """Return the operations of one item's forward pass: a multiply-add counts as two.

    Only matrix products count; those of times and positions, a thousandth, are left out.
    `latents` are the item's length, `context` the tokens it attends to. With a `depth` only so
    many blocks run and nothing after them, as in the discriminator.
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
    if config.adaln:
        once += 7 * width**2
    blocks = config.depth if depth is None else depth
    ending = 0 if depth is not None else tokens * (channels**2 + channels * width)
    return 2.0 * (once + blocks * block + ending)
