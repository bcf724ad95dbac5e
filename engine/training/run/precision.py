"""Training large networks: mixed precision, compilation, checkpointing, FSDP. Needs torch."""

from __future__ import annotations

import contextlib

import torch
from torch import nn
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

from engine.hardware.device import autocast
from engine.models.dit import DiffusionTransformer
from engine.training.run import distributed
from engine.training.settings import ScalingConfig


def mixed_precision(
    scale: ScalingConfig, device: torch.device | str
) -> contextlib.AbstractContextManager[object]:
    """Return the autocast context of a forward pass: bfloat16 where wanted and fast."""
    return autocast(device) if scale.bf16 else contextlib.nullcontext()


def apply_scaling(network: nn.Module, scale: ScalingConfig) -> None:
    """Compile blocks, checkpoint activations and shard the network, in place, as configured.

    Weights keep their names. Blocks are compiled one by one: they are alike, so one compilation
    serves all, and a discriminator that uses only the first ones needs no other. Call this with
    the weights loaded and before an optimizer is made.
    """
    for module in network.modules():
        if isinstance(module, DiffusionTransformer):
            module.recompute = scale.recompute
            if scale.compile:
                for block in module.transformer.layers:
                    block.compile(backend=scale.compile, dynamic=True)
    if scale.shard and distributed.world_size() > 1:
        _shard_with_fsdp(network)


def _shard_with_fsdp(network: nn.Module) -> None:
    """Shard each weight over the processes (FSDP2); blocks are gathered one by one.

    The children are sharded, not the network: the discriminator calls its conditioner and the
    `hidden_states` of its transformer directly.
    """
    for part in network.children():
        if isinstance(part, DiffusionTransformer):
            for block in part.transformer.layers:
                fully_shard(block)
        fully_shard(part)
        if isinstance(part, DiffusionTransformer):
            register_fsdp_forward_method(part, "hidden_states")
