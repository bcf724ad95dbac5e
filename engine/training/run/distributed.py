"""Data-parallel training in processes started by torchrun, or in one alone. Needs torch.

All processes draw the same batch from the same seeds; each computes its own part, and gradients are
averaged. So the number of processes changes the speed of a run, not what it learns.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from datetime import timedelta

import torch
from torch import Tensor, distributed
from torch.distributed.tensor import DTensor, distribute_tensor

TIMEOUT = timedelta(hours=12)
"""How long processes wait for the main one, which renders the corpus."""
BUCKET_SIZE = 1 << 23
"""Gradient values that one all-reduce sends: 32 MB."""


@contextlib.contextmanager
def join_process_group() -> Iterator[None]:
    """Join the other processes of this training, if torchrun started several."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2 or distributed.is_initialized():
        yield
        return
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("nccl" if on_gpu else "gloo", timeout=TIMEOUT)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def world_size() -> int:
    """Return how many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def is_main_process() -> bool:
    """Return whether this process is the one that writes files and shows progress."""
    return not distributed.is_initialized() or distributed.get_rank() == 0


def barrier() -> None:
    """Wait for all processes."""
    if distributed.is_initialized():
        distributed.barrier()


def microbatches(size: int, accumulate: int) -> list[slice]:
    """Return this process's `accumulate` equal slices of a batch of `size` items.

    `size` is a multiple of accumulate times the number of processes.
    """
    rank = distributed.get_rank() if distributed.is_initialized() else 0
    length, rest = divmod(size, accumulate * world_size())
    if rest:
        raise ValueError(
            f"{size} items do not split into {accumulate * world_size()} equal microbatches"
        )
    first = rank * accumulate
    return [slice(i * length, (i + 1) * length) for i in range(first, first + accumulate)]


def average_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Replace each gradient by its mean over the processes; FSDP has averaged sharded ones."""
    if world_size() == 1:
        return
    every = [p.grad for p in parameters if p.grad is not None]
    gradients = [gradient for gradient in every if not isinstance(gradient, DTensor)]
    flattened = [
        (bucket, torch.cat([g.flatten() for g in bucket])) for bucket in _buckets(gradients)
    ]
    pending = [distributed.all_reduce(flat, async_op=True) for _, flat in flattened]
    for (bucket, flat), work in zip(flattened, pending, strict=True):
        work.wait()
        values = (flat / world_size()).split([g.numel() for g in bucket])
        for gradient, value in zip(bucket, values, strict=True):
            gradient.copy_(value.view_as(gradient))


def gather_shards(value: Tensor) -> Tensor:
    """Return a sharded tensor whole, on the CPU; all processes must call this together."""
    return value.full_tensor().cpu() if isinstance(value, DTensor) else value


def shard_like(value: Tensor, like: Tensor) -> Tensor:
    """Return this process's shard of a whole tensor where `like` is sharded."""
    if not isinstance(like, DTensor):
        return value
    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements)


def reduce_mean(values: dict[str, float]) -> dict[str, float]:
    """Return each number's mean over the processes, which must all pass the same names."""
    if world_size() == 1:
        return values
    sums = torch.tensor(list(values.values()), dtype=torch.float64, device=_device())
    distributed.all_reduce(sums)
    return dict(zip(values, (sums / world_size()).tolist(), strict=True))


def all_equal(value: int) -> bool:
    """Return whether all processes hold the same number."""
    if world_size() == 1:
        return True
    extremes = torch.tensor([value, -value], device=_device())
    distributed.all_reduce(extremes, distributed.ReduceOp.MAX)
    return int(extremes[0]) == -int(extremes[1])


def all_true(value: bool) -> bool:
    """Return whether the value is true in every process."""
    return value if world_size() == 1 else reduce_mean({"value": float(value)})["value"] == 1


def _device() -> str:
    return "cuda" if distributed.get_backend() == "nccl" else "cpu"


def _buckets(gradients: list[Tensor]) -> Iterator[list[Tensor]]:
    bucket: list[Tensor] = []
    for gradient in gradients:
        bucket.append(gradient)
        if sum(g.numel() for g in bucket) >= BUCKET_SIZE:
            yield bucket
            bucket = []
    if bucket:
        yield bucket
