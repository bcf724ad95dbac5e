"""What pays on GPUs alone: blocks compiled meanwhile, and steps played back as one. Engine process.

Both are plain on a processor too, where the tests run them: with torch's compiler left out, and
with a double in the place of a CUDA graph.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import partial
from typing import Any, ClassVar, Protocol, TypeVar, cast

import torch
from torch import Tensor

from engine.hardware.device import cache_folder
from engine.models.dit import DiffusionTransformer
from engine.models.layers import Block

LOG = logging.getLogger(__name__)
MOST_SHAPES = 8
"""Torch compiles one function for no more shapes than that."""
MOST_RECORDINGS = 4
"""Each holds memory for all that is computed in it."""

Value = TypeVar("Value")
Work = Callable[[], None]


def _in_background(work: Work) -> None:
    threading.Thread(target=work, name="compiling", daemon=True).start()


# --- compiled blocks ---


class CompiledBlocks:
    """Lets a transformer's blocks be compiled while they already play, a shape at a time.

    What was compiled is kept on disk for the next start. A block that cannot be compiled plays on
    as it is.
    """

    def __init__(
        self,
        transformer: DiffusionTransformer,
        backend: str | Callable[..., Any] = "inductor",
        start: Callable[[Work], None] = _in_background,
    ) -> None:
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder() / "compiled"))
        self._backend = backend
        self._compiled: Callable[..., Tensor] = Block.forward
        self._start = start
        self._asked: set[Hashable] = set()
        self._ready: frozenset[Hashable] = frozenset()
        self._one_at_a_time = threading.Lock()
        self._blocks = [cast(Block, block) for block in transformer.transformer.layers]
        for block in self._blocks:
            object.__setattr__(block, "forward", partial(self._forward, block))

    @property
    def shapes(self) -> int:
        """How many shapes run compiled: what was recorded before another one came is old."""
        return len(self._ready)

    def _forward(self, block: Block, *given: Any) -> Tensor:  # noqa: ANN401 - a block's own
        shape = tuple((each.shape, each.dtype) for each in tensors_in(given))
        if shape in self._ready:
            return self._compiled(block, *given)
        if shape not in self._asked and len(self._asked) < MOST_SHAPES:
            self._asked.add(shape)
            example = with_tensors(given, iter([each.clone() for each in tensors_in(given)]))
            self._start(lambda: self._compile(shape, example))
        return Block.forward(block, *given)

    def _compile(self, shape: Hashable, example: tuple[Any, ...]) -> None:
        try:
            with self._one_at_a_time, torch.inference_mode():
                if not self._ready:
                    # Here, since torch imports its compiler first, which takes seconds.
                    self._compiled = torch.compile(
                        Block.forward, backend=self._backend, dynamic=False
                    )
                for block in self._blocks:
                    self._compiled(block, *example)
        except Exception:
            LOG.warning("the blocks are not compiled: they play as they are", exc_info=True)
            return
        self._ready |= {shape}


# --- recorded steps ---


class Graph(Protocol):
    """Work on the GPU that can be played back."""

    def record(self, work: Callable[[], Tensor], *, copied_out: bool) -> Tensor:
        """Do the work and remember it; returns the tensor that playing back fills.

        It lies on the GPU, or, `copied_out`, in the processor's memory.
        """
        ...

    def replay(self) -> None:
        """Do it again with what lies in the tensors that it read; what is copied out is there."""
        ...


class CudaGraph:
    """CUDA's own: thousands of small kernels start at once instead of one by one.

    All share one memory, since none plays while another one does, nor is anything left in it.
    """

    _memory: ClassVar[Any] = None

    def __init__(self) -> None:
        self._graph = torch.cuda.CUDAGraph()
        self._copied_out = False
        if CudaGraph._memory is None:
            CudaGraph._memory = torch.cuda.graph_pool_handle()

    def record(self, work: Callable[[], Tensor], *, copied_out: bool) -> Tensor:
        """Record, after a first time on another stream, as CUDA demands it."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            made = work()
        torch.cuda.current_stream().wait_stream(stream)
        # Memory that the copy may go to by itself; it cannot be asked for while recording.
        out = torch.empty(made.shape, dtype=made.dtype, pin_memory=True) if copied_out else None
        del made
        torch.cuda.empty_cache()
        # Compiling may go on meanwhile in another thread.
        with torch.cuda.graph(self._graph, CudaGraph._memory, capture_error_mode="thread_local"):
            filled = work()
            if out is not None:
                out.copy_(filled, non_blocking=True)
        self._copied_out = copied_out
        return filled if out is None else out

    def replay(self) -> None:
        """Play it back."""
        self._graph.replay()
        if self._copied_out:
            torch.cuda.current_stream().synchronize()


class Recording:
    """A graph, the tensors that it reads and the one that it fills."""

    def __init__(
        self,
        graph: Graph,
        work: Callable[[Any], Tensor],
        given: Any,  # noqa: ANN401 - a value of tensors
        *,
        copied_out: bool,
    ) -> None:
        self._graph = graph
        # Clones: what was given belongs to its caller.
        self._read = [each.clone() for each in tensors_in(given)]
        mine = with_tensors(given, iter(self._read))
        self._filled = graph.record(lambda: work(mine), copied_out=copied_out)

    def play(self, given: Any) -> Tensor:  # noqa: ANN401 - of the same shape as what was recorded
        """Return what the work makes of other values."""
        for mine, new in zip(self._read, tensors_in(given), strict=True):
            mine.copy_(new)
        self._graph.replay()
        return self._filled.clone()


class Recorder:
    """Plays work of tensors back, from the second time of one kind on."""

    def __init__(self, graph: Callable[[], Graph] = CudaGraph) -> None:
        self._graph = graph
        self._seen: set[Hashable] = set()
        self._recordings: OrderedDict[Hashable, Recording] = OrderedDict()
        self._gave_up = False

    def play(
        self,
        kind: Hashable,
        work: Callable[[Value], Tensor],
        given: Value,
        *,
        copied_out: bool = False,
    ) -> Tensor | None:
        """Return `work(given)`; None where the caller has to do the work.

        The same `kind` must mean the same work but for tensors' values. The work may neither ask
        for a tensor's value nor draw random numbers.
        """
        key = (kind, copied_out, tuple((each.shape, each.dtype) for each in tensors_in(given)))
        if self._gave_up or key not in self._seen:
            # Most lengths are asked for once; those would only cost memory.
            self._seen.add(key)
            return None
        try:
            if key not in self._recordings:
                recording = Recording(self._graph(), work, given, copied_out=copied_out)
                self._recordings[key] = recording
                while len(self._recordings) > MOST_RECORDINGS:
                    self._recordings.popitem(last=False)
            self._recordings.move_to_end(key)
            return self._recordings[key].play(given)
        except RuntimeError:  # memory that is short is one as well
            LOG.warning("the steps cannot be recorded: they run one by one", exc_info=True)
            self._recordings.clear()
            self._gave_up = True
        return None


@dataclass(frozen=True, slots=True)
class OnGpu:
    """Both, for one transformer: steps are recorded, and again once its blocks are compiled."""

    blocks: CompiledBlocks
    recorder: Recorder


# --- tensors in values ---


def tensors_in(value: object) -> list[Tensor]:
    """All tensors of a value of dataclasses, tuples and lists, in the order of their fields."""
    if isinstance(value, Tensor):
        return [value]
    return [tensor for part in _parts(value) for tensor in tensors_in(part)]


def with_tensors(value: Value, tensors: Iterator[Tensor]) -> Value:
    """The same value with other tensors, in that order."""
    if isinstance(value, Tensor):
        return cast(Value, next(tensors))
    if isinstance(value, tuple | list):
        return cast(Value, type(value)(with_tensors(part, tensors) for part in value))
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value)]
        new = {name: with_tensors(getattr(value, name), tensors) for name in names}
        return cast(Value, replace(value, **new))
    return value


def _parts(value: object) -> Sequence[object]:
    if isinstance(value, tuple | list):
        return value
    if is_dataclass(value):
        return [getattr(value, field.name) for field in fields(value)]
    return ()
