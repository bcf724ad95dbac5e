"""What lets a large network train: bfloat16 products, compiled blocks, less memory, shards."""

from __future__ import annotations

import contextlib

import torch
from torch import nn
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

from engine.hardware.device import autocast
from engine.models.dit import DiffusionTransformer
from engine.training.run import distributed as processes
from engine.training.settings import Scale


def precision(
    scale: Scale, device: torch.device | str
) -> contextlib.AbstractContextManager[object]:
    """The context in which networks run: bfloat16 products where wanted and fast."""
    return autocast(device) if scale.bf16 else contextlib.nullcontext()


def scaled(network: nn.Module, scale: Scale) -> None:
    """Compile the transformer's blocks, let them recompute, shard the network, where wanted.

    The names of weights stay. Blocks are compiled one by one: they are alike, so one compilation
    serves all, and discriminators that use only the first ones need no other. To be called before
    an optimiser is made, with all weights in their places.
    """
    for module in network.modules():
        if isinstance(module, DiffusionTransformer):
            module.recompute = scale.recompute
            if scale.compile:
                for block in module.transformer.layers:
                    block.compile(backend=scale.compile, dynamic=True)
    if scale.shard and processes.count() > 1:
        _shard(network)


def _shard(network: nn.Module) -> None:
    """Leave each process an equal part of each weight (FSDP2); blocks are gathered one by one.

    The network's parts, not the whole, come first: the discriminator calls its conditioner and the
    inside of its transformer by themselves.
    """
    for part in network.children():
        if isinstance(part, DiffusionTransformer):
            for block in part.transformer.layers:
                fully_shard(block)
        fully_shard(part)
        if isinstance(part, DiffusionTransformer):
            register_fsdp_forward_method(part, "hidden")
