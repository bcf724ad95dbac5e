"""Transformer blocks compiled by torch in the background, while they already run. Needs torch.

Worth it on GPUs only; tests run it on the CPU, without torch's compiler.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor

from engine.acceleration.tensor_tree import list_tensors, replace_tensors
from engine.hardware.device import cache_folder
from engine.models.blocks import Block
from engine.models.dit import DiffusionTransformer

log = logging.getLogger(__name__)
MOST_SHAPES = 8
"""Torch's default limit of recompilations of one function."""

Work = Callable[[], None]


def _run_in_background(work: Work) -> None:
    threading.Thread(target=work, name="compiling", daemon=True).start()


class CompiledBlocks:
    """Compiles a transformer's blocks in the background, one input shape at a time.

    Compiled code is cached on disk for the next start. Blocks that cannot be compiled go on
    running uncompiled.
    """

    def __init__(
        self,
        transformer: DiffusionTransformer,
        backend: str | Callable[..., Any] = "inductor",
        start: Callable[[Work], None] = _run_in_background,
    ) -> None:
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder() / "compiled"))
        self._backend = backend
        self._blocks = [cast(Block, block) for block in transformer.transformer.layers]
        self._plain: Callable[..., Tensor] = type(self._blocks[0]).forward
        self._compiled = self._plain
        self._start = start
        self._requested: set[Hashable] = set()
        self._ready: frozenset[Hashable] = frozenset()
        self._one_at_a_time = threading.Lock()
        for block in self._blocks:
            object.__setattr__(block, "forward", partial(self._forward, block))

    @property
    def shapes(self) -> int:
        """How many shapes run compiled; graphs captured at a smaller number are outdated."""
        return len(self._ready)

    def _forward(self, block: Block, *inputs: Any) -> Tensor:  # noqa: ANN401 - a block's own
        tensors = list_tensors(inputs)
        shape = tuple((tensor.shape, tensor.dtype) for tensor in tensors)
        if shape in self._ready:
            return self._compiled(block, *inputs)
        if shape not in self._requested and len(self._requested) < MOST_SHAPES:
            self._requested.add(shape)
            example = replace_tensors(inputs, iter([tensor.clone() for tensor in tensors]))
            self._start(lambda: self._compile(shape, example))
        return self._plain(block, *inputs)

    def _compile(self, shape: Hashable, example: tuple[Any, ...]) -> None:
        try:
            with self._one_at_a_time, torch.inference_mode():
                if not self._ready:
                    # Not earlier: this imports torch's compiler, which takes seconds.
                    self._compiled = torch.compile(
                        self._plain, backend=self._backend, dynamic=False
                    )
                for block in self._blocks:
                    self._compiled(block, *example)
        except Exception:
            log.warning("the blocks cannot be compiled and run uncompiled", exc_info=True)
            return
        self._ready |= {shape}
