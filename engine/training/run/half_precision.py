"""Converts weights for model files: matrices to half precision. Needs torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.training.run.errors import RunError

MIN_HALF_SIZE = 4096


def halve_precision(network: nn.Module) -> dict[str, Tensor]:
    """Return weights by name; statistics, scales and frequencies, which are few, stay float32.

    Raises RunError when a weight is too large for half precision.
    """
    tensors = {}
    for name, tensor in network.state_dict().items():
        is_large = tensor.dim() > 1 and tensor.numel() >= MIN_HALF_SIZE
        tensors[name] = tensor.to(torch.float16 if is_large else torch.float32).contiguous()
        if not torch.isfinite(tensors[name]).all():
            raise RunError(f"{name} holds values beyond half precision: the run has diverged.")
    return tensors
