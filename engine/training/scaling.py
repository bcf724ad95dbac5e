"""What lets a large network train: products in bfloat16, compiled blocks, less memory."""

from __future__ import annotations

import contextlib

import torch
from torch import nn

from engine.device import autocast
from engine.models.dit import DiffusionTransformer
from engine.training.settings import Scale


def precision(
    scale: Scale, device: torch.device | str
) -> contextlib.AbstractContextManager[object]:
    """The context in which networks run: bfloat16 products where wanted and fast."""
    return autocast(device) if scale.bf16 else contextlib.nullcontext()


def scaled(network: nn.Module, scale: Scale) -> None:
    """Compile the transformer's blocks and let them recompute activations, where wanted.

    The names of weights stay. Blocks are compiled one by one: they are alike, so one compilation
    serves all, and discriminators that use only the first ones need no other.
    """
    for module in network.modules():
        if isinstance(module, DiffusionTransformer):
            module.recompute = scale.recompute
            if scale.compile:
                for block in module.transformer.layers:
                    block.compile(backend=scale.compile, dynamic=True)
