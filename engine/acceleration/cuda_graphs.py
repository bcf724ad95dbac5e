"""CUDA graphs: work on tensors is captured once and then replayed. Needs torch.

Tests run it on the CPU, with a double in place of the CUDA graph.
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
"""Each holds the memory of all intermediate results."""

Value = TypeVar("Value")


class Graph(Protocol):
    """Work on the GPU that can be replayed."""

    def capture(self, work: Callable[[], Tensor], *, copy_out: bool) -> Tensor:
        """Run the work and capture it; returns the tensor that each replay fills.

        That is on the GPU, or in host memory with `copy_out`.
        """
        ...

    def replay(self) -> None:
        """Run the work again on the current values of its inputs; waits for a copy out."""
        ...


class CudaGraph:
    """A CUDA graph: one launch instead of thousands of small kernels'.

    All graphs share one memory pool: no two run at once, and none keeps data in it.
    """

    _pool: ClassVar[Any] = None

    def __init__(self) -> None:
        self._graph = torch.cuda.CUDAGraph()
        self._copies_out = False
        if CudaGraph._pool is None:
            CudaGraph._pool = torch.cuda.graph_pool_handle()

    def capture(self, work: Callable[[], Tensor], *, copy_out: bool) -> Tensor:
        """Capture, after a warm-up on a side stream, as CUDA requires."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            made = work()
        torch.cuda.current_stream().wait_stream(stream)
        # Pinned memory for an asynchronous copy; it cannot be allocated during capture.
        out = torch.empty(made.shape, dtype=made.dtype, pin_memory=True) if copy_out else None
        del made
        torch.cuda.empty_cache()
        # Another thread may be compiling meanwhile.
        with torch.cuda.graph(self._graph, CudaGraph._pool, capture_error_mode="thread_local"):
            filled = work()
            if out is not None:
                out.copy_(filled, non_blocking=True)
        self._copies_out = copy_out
        return filled if out is None else out

    def replay(self) -> None:
        """Replay; waits for the copy out, if any."""
        self._graph.replay()
        if self._copies_out:
            torch.cuda.current_stream().synchronize()


class CapturedWork:
    """A captured graph, its static input tensors and its output tensor."""

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
        """Run the captured work on other inputs, and return a copy of its output."""
        for static, tensor in zip(self._static, list_tensors(inputs), strict=True):
            static.copy_(tensor)
        self._graph.replay()
        return self._output.clone()


class GraphCache:
    """Captures a kind of work the second time it is requested, and replays it from then on."""

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
        """Return `work(inputs)` by replay; None if the caller has to run the work itself.

        The same `kind` must mean the same work but for tensors' values. The work may neither read
        a tensor's value on the host nor draw random numbers.
        """
        shapes = tuple((tensor.shape, tensor.dtype) for tensor in list_tensors(inputs))
        key = (kind, copy_out, shapes)
        if self._gave_up or key not in self._seen:
            # Most lengths are requested once; capturing those would only cost memory.
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
    """Compiled blocks and graphs of one transformer; compiling a shape outdates its graphs."""

    blocks: CompiledBlocks
    graphs: GraphCache
