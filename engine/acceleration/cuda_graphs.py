"""CUDA graphs: work of tensors is captured once and replayed from then on. Needs torch.

Plain on a processor too, where tests put a double in the place of a CUDA graph.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

import torch
from torch import Tensor

from engine.acceleration.compiled_blocks import CompiledBlocks
from engine.acceleration.tensor_tree import list_tensors, replace_tensors

log = logging.getLogger(__name__)
MOST_GRAPHS = 4
"""Each holds memory for all that is computed in it."""

Value = TypeVar("Value")


class Graph(Protocol):
    """Work on the GPU that can be replayed."""

    def capture(self, work: Callable[[], Tensor], *, copy_out: bool) -> Tensor:
        """Do the work and capture it; returns the tensor that each replay fills.

        It lies on the GPU, or, with `copy_out`, in the processor's memory.
        """
        ...

    def replay(self) -> None:
        """Do the work again on what now lies in the tensors that it read; waits for a copy out."""
        ...


class CudaGraph:
    """A CUDA graph: thousands of small kernels start at once instead of one by one.

    All share one memory pool, since none runs while another one does, nor leaves anything in it.
    """

    _pool: ClassVar[Any] = None

    def __init__(self) -> None:
        self._graph = torch.cuda.CUDAGraph()
        self._copies_out = False
        if CudaGraph._pool is None:
            CudaGraph._pool = torch.cuda.graph_pool_handle()

    def capture(self, work: Callable[[], Tensor], *, copy_out: bool) -> Tensor:
        """Capture, after a warm-up on a side stream, as CUDA demands it."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            made = work()
        torch.cuda.current_stream().wait_stream(stream)
        # Pinned memory for an asynchronous copy; it cannot be allocated during capture.
        out = torch.empty(made.shape, dtype=made.dtype, pin_memory=True) if copy_out else None
        del made
        torch.cuda.empty_cache()
        # Compiling may go on meanwhile in another thread.
        with torch.cuda.graph(self._graph, CudaGraph._pool, capture_error_mode="thread_local"):
            filled = work()
            if out is not None:
                out.copy_(filled, non_blocking=True)
        self._copies_out = copy_out
        return filled if out is None else out

    def replay(self) -> None:
        """Replay; waits where the result is copied out."""
        self._graph.replay()
        if self._copies_out:
            torch.cuda.current_stream().synchronize()


class CapturedWork:
    """A graph, the static tensors that it reads and the one that it fills."""

    def __init__(
        self,
        graph: Graph,
        work: Callable[[Any], Tensor],
        inputs: Any,  # noqa: ANN401 - a value of tensors
        *,
        copy_out: bool,
    ) -> None:
        self._graph = graph
        # Clones: the inputs belong to the caller.
        self._static = [tensor.clone() for tensor in list_tensors(inputs)]
        static_inputs = replace_tensors(inputs, iter(self._static))
        self._output = graph.capture(lambda: work(static_inputs), copy_out=copy_out)

    def replay(self, inputs: Any) -> Tensor:  # noqa: ANN401 - shaped as what was captured
        """Return what the work makes of other inputs."""
        for static, tensor in zip(self._static, list_tensors(inputs), strict=True):
            static.copy_(tensor)
        self._graph.replay()
        return self._output.clone()


class GraphCache:
    """Captures work of tensors the second time one kind is asked for, and replays it then."""

    def __init__(self, make_graph: Callable[[], Graph] = CudaGraph) -> None:
        self._make_graph = make_graph
        self._seen: set[Hashable] = set()
        self._captured: OrderedDict[Hashable, CapturedWork] = OrderedDict()
        self._gave_up = False

    def replay(
        self,
        kind: Hashable,
        work: Callable[[Value], Tensor],
        inputs: Value,
        *,
        copy_out: bool = False,
    ) -> Tensor | None:
        """Return `work(inputs)`; None where the caller has to do the work.

        The same `kind` must mean the same work but for tensors' values. The work may neither read
        a tensor's value nor draw random numbers.
        """
        shapes = tuple((tensor.shape, tensor.dtype) for tensor in list_tensors(inputs))
        key = (kind, copy_out, shapes)
        if self._gave_up or key not in self._seen:
            # Most lengths are asked for once; those would only cost memory.
            self._seen.add(key)
            return None
        try:
            if key not in self._captured:
                self._captured[key] = CapturedWork(
                    self._make_graph(), work, inputs, copy_out=copy_out
                )
                while len(self._captured) > MOST_GRAPHS:
                    self._captured.popitem(last=False)
            self._captured.move_to_end(key)
            return self._captured[key].replay(inputs)
        except RuntimeError:  # out-of-memory is one as well
            log.warning("CUDA graphs cannot be captured: the steps run one by one", exc_info=True)
            self._captured.clear()
            self._gave_up = True
        return None


@dataclass(frozen=True, slots=True)
class GpuAcceleration:
    """Both of one transformer: graphs are captured anew once its blocks are compiled."""

    blocks: CompiledBlocks
    graphs: GraphCache
