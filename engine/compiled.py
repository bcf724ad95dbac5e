"""The same transformer, faster, at a cost that is said. Engine process.

docs/performance.md holds what each way brought and what it cost.
"""

from __future__ import annotations

import warnings
from typing import cast

import torch
from torch import nn

from engine.models.dit import DiffusionTransformer


def quantise_blocks(transformer: DiffusionTransformer) -> None:
    """Let the blocks' products run in eight-bit integers, scaled anew for each input; CPU only.

    What is around the blocks stays in float32 (the paper's way on a phone, section 3.7).
    """
    inner = transformer.transformer
    with warnings.catch_warnings():
        # Deprecated for a library that took minutes to start here; torch's version is pinned.
        warnings.simplefilter("ignore")
        layers = torch.ao.quantization.quantize_dynamic(inner.layers, {nn.Linear}, torch.qint8)
    inner.layers = cast(nn.ModuleList, layers)
