"""What a generator does on a GPU, on a processor: doubles of CUDA's graphs and torch's compiler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from engine.acceleration.compiled_blocks import CompiledBlocks
from engine.acceleration.cuda_graphs import GpuAcceleration, GraphCache
from engine.generation.generator import Generator


class Replayed:
    """A graph that does the work again, into the same tensor, and refuses to draw or to wait."""

    captured: int = 0
    copied_out: bool = False

    def capture(self, work: Callable[[], Tensor], *, copy_out: bool) -> Tensor:
        Replayed.captured += 1
        Replayed.copied_out = copy_out
        self._work = work
        before = torch.get_rng_state()
        self._filled = work().clone()
        assert torch.equal(before, torch.get_rng_state())
        return self._filled

    def replay(self) -> None:
        self._filled.copy_(self._work())


class Counting:
    """A compiler that leaves everything as it is and counts what it is given."""

    def __init__(self, error: Exception | None = None) -> None:
        self.compiled = 0
        self.error = error

    def __call__(self, graph: Any, example: Any) -> Callable[..., Any]:  # noqa: ANN401
        if self.error is not None:
            raise self.error
        self.compiled += 1
        return graph.forward


def on_gpu(generator: Generator) -> Generator:
    """A generator that does what it would do on a GPU."""
    blocks = CompiledBlocks(generator.model.transformer, Counting(), lambda work: None)
    generator._placed.gpu = GpuAcceleration(blocks, GraphCache(Replayed))
    return generator
