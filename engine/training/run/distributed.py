"""Training in several processes, as torchrun starts them; one process alone is the plain case.

All processes draw the same batch from the same seeds; each computes its own part of it, and the
gradients are averaged. So the number of processes changes how fast a run goes, not what it learns.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from datetime import timedelta

import torch
from torch import Tensor, distributed
from torch.distributed.tensor import DTensor, distribute_tensor

PATIENCE = timedelta(hours=12)
"""How long processes wait for the first one, which renders the corpus."""
BUCKET = 1 << 23
"""Values of gradients that travel together: 32 MB."""


@contextlib.contextmanager
def joined() -> Iterator[None]:
    """Join the other processes of this training, if torchrun started several."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2 or distributed.is_initialized():
        yield
        return
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("nccl" if on_gpu else "gloo", timeout=PATIENCE)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def count() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def is_first() -> bool:
    """Whether this process is the one that writes and speaks."""
    return not distributed.is_initialized() or distributed.get_rank() == 0


def wait() -> None:
    """Return when all processes have come this far."""
    if distributed.is_initialized():
        distributed.barrier()


def parts(size: int, accumulate: int) -> list[slice]:
    """This process's parts of a batch of `size` items, `accumulate` equal ones.

    `size` is a multiple of accumulate times the number of processes.
    """
    rank = distributed.get_rank() if distributed.is_initialized() else 0
    length, left = divmod(size, accumulate * count())
    if left:
        raise ValueError(f"{size} items do not split into {accumulate * count()} equal parts")
    first = rank * accumulate
    return [slice(i * length, (i + 1) * length) for i in range(first, first + accumulate)]


def average_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Replace each gradient by its mean over the processes, in place; sharded ones are that."""
    if count() == 1:
        return
    found = [p.grad for p in parameters if p.grad is not None]
    gradients = [gradient for gradient in found if not isinstance(gradient, DTensor)]
    sent = [(bucket, torch.cat([g.flatten() for g in bucket])) for bucket in _buckets(gradients)]
    under_way = [distributed.all_reduce(flat, async_op=True) for _, flat in sent]
    for (bucket, flat), work in zip(sent, under_way, strict=True):
        work.wait()
        values = (flat / count()).split([g.numel() for g in bucket])
        for gradient, value in zip(bucket, values, strict=True):
            gradient.copy_(value.view_as(gradient))


def whole(value: Tensor) -> Tensor:
    """A tensor with the parts that the other processes hold; all of them must ask for it."""
    return value.full_tensor().cpu() if isinstance(value, DTensor) else value


def cut(value: Tensor, like: Tensor) -> Tensor:
    """Undo `whole`: of a tensor keep this process's part where `like` is sharded."""
    if not isinstance(like, DTensor):
        return value
    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements)


def averaged(values: dict[str, float]) -> dict[str, float]:
    """Return each number's mean over the processes; all of them must ask for the same names."""
    if count() == 1:
        return values
    sums = torch.tensor(list(values.values()), dtype=torch.float64, device=_device())
    distributed.all_reduce(sums)
    return dict(zip(values, (sums / count()).tolist(), strict=True))


def all_agree(value: int) -> bool:
    """Whether all processes hold the same number."""
    if count() == 1:
        return True
    extremes = torch.tensor([value, -value], device=_device())
    distributed.all_reduce(extremes, distributed.ReduceOp.MAX)
    return int(extremes[0]) == -int(extremes[1])


def all_true(value: bool) -> bool:
    """Whether it is true in every process."""
    return value if count() == 1 else averaged({"value": float(value)})["value"] == 1


def _device() -> str:
    return "cuda" if distributed.get_backend() == "nccl" else "cpu"


def _buckets(gradients: list[Tensor]) -> Iterator[list[Tensor]]:
    bucket: list[Tensor] = []
    for gradient in gradients:
        bucket.append(gradient)
        if sum(g.numel() for g in bucket) >= BUCKET:
            yield bucket
            bucket = []
    if bucket:
        yield bucket
