"""The snake activation in one pass over memory, compiled by numba for CPUs. Needs torch.

Torch needs five passes, of which the sine costs most. This is one, without function calls, so that
the compiler vectorises it; compiled code is cached on disk.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numba import njit, types
from numba.extending import intrinsic
from torch import Tensor, nn

from engine.models.oobleck import Snake

_ROUND = np.float32(1.5 * 2**23)
"""Adding and subtracting it rounds a float32 to an integer."""
_SINE_SQUARED = tuple(
    np.float32(value)
    for value in (9.8696041, -32.469696, 42.728386, -30.121754, 13.20661, -3.913075, 0.74197626)
)
"""sin(pi r)^2 / r^2 for r^2 up to 1/4, in powers of r^2; fitted, error at most 2e-10."""
_C0, _C1, _C2, _C3, _C4, _C5, _C6 = _SINE_SQUARED
_LEAST_ROWS = 512
"""Fewer rows are not worth another thread."""

# Contraction only: full fastmath would remove the rounding above.
_compile: Callable[[Any], Any] = njit(
    fastmath={"contract"}, nogil=True, error_model="numpy", cache=True
)
_native: Callable[[Any], Callable[..., Any]] = intrinsic


@_native
def _as_float(typing_context: Any, bits: Any) -> Any:  # noqa: ANN401 - numba's own
    """Reinterpret 32 bits as a float32."""

    def make(context: Any, builder: Any, signature: Any, inputs: Any) -> Any:  # noqa: ANN401
        return builder.bitcast(inputs[0], context.get_value_type(types.float32))

    return types.float32(types.uint32), make


@_native
def _as_bits(typing_context: Any, number: Any) -> Any:  # noqa: ANN401 - numba's own
    """Reinterpret a float32 as 32 bits."""

    def make(context: Any, builder: Any, signature: Any, inputs: Any) -> Any:  # noqa: ANN401
        return builder.bitcast(inputs[0], context.get_value_type(types.uint32))

    return types.uint32(types.float32), make


@_compile
def _snake(x: Any, turns: Any, finer: Any, scale: Any) -> Any:  # noqa: ANN401 - compiled for float32
    """x + sin(pi * (turns + finer) * x)^2 * scale: two floats keep the angle exact at large x."""
    whole = (x * turns + _ROUND) - _ROUND
    rest = (x * turns - whole) + x * finer
    u = rest * rest
    sine = _C6 * u + _C5
    sine = sine * u + _C4
    sine = sine * u + _C3
    sine = sine * u + _C2
    sine = sine * u + _C1
    sine = sine * u + _C0
    return x + scale * (sine * u)


@_compile
def _snake_float32(x: Any, constants: Any, out: Any) -> None:  # noqa: ANN401
    turns, finer, scale = constants
    rows, channels = x.shape
    for row in range(rows):
        for channel in range(channels):
            inputs = x[row, channel]
            out[row, channel] = _snake(inputs, turns[channel], finer[channel], scale[channel])


@_compile
def _snake_bfloat16(x: Any, constants: Any, out: Any) -> None:  # noqa: ANN401
    """Do the same for bfloat16, the upper half of a float32, rounded to even."""
    turns, finer, scale = constants
    rows, channels = x.shape
    for row in range(rows):
        for channel in range(channels):
            inputs = _as_float(np.uint32(np.uint32(x[row, channel]) << np.uint32(16)))
            made = _snake(inputs, turns[channel], finer[channel], scale[channel])
            bits = _as_bits(made)
            even = (bits >> np.uint32(16)) & np.uint32(1)
            rounded = np.uint32(bits + np.uint32(0x7FFF) + even) >> np.uint32(16)
            out[row, channel] = np.uint16(rounded)


class FusedSnake(nn.Module):
    """A snake of sounds (B, C, 1, T), channels last, in float32 or bfloat16; inference only."""

    def __init__(self, snake: Snake) -> None:
        super().__init__()
        exact = snake.frequency.detach().flatten().double() / math.pi
        turns = exact.float()
        parts = turns, (exact - turns.double()).float(), snake.scale.detach().flatten().float()
        self._constants = tuple(part.numpy() for part in parts)

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor shaped as x; x is not modified."""
        x = x.contiguous(memory_format=torch.channels_last)
        out = torch.empty_like(x)
        work = _snake_float32
        inputs, made = (each.permute(0, 2, 3, 1).flatten(0, 2) for each in (x, out))
        if x.dtype == torch.bfloat16:
            work, inputs, made = _snake_bfloat16, inputs.view(torch.uint16), made.view(torch.uint16)
        self._run_threads(work, inputs.numpy(), made.numpy())
        return out

    def _run_threads(self, work: Callable[..., None], inputs: Any, made: Any) -> None:  # noqa: ANN401
        """Share rows among as many threads as torch uses; the kernels release the GIL."""
        threads = min(torch.get_num_threads(), max(len(inputs) // _LEAST_ROWS, 1))
        if threads == 1:
            work(inputs, self._constants, made)
            return
        ends = [len(inputs) * i // threads for i in range(threads + 1)]
        parts = [
            _POOL.submit(work, inputs[begin:end], self._constants, made[begin:end])
            for begin, end in pairwise(ends)
        ]
        for part in parts:
            part.result()


_POOL = ThreadPoolExecutor(thread_name_prefix="snake")
