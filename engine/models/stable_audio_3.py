"""What Stable Audio 3 adds to the diffusion transformer. Needs torch.

Its adaLN is in `engine.models.blocks`, its fixed Fourier features are in `engine.models.layers`,
its autoencoder is `engine.models.same`. Here are registers, inpainting and the padding mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.models.blocks import Block


def expand_registers(registers: nn.Parameter, batch: int) -> Tensor:
    """Return learnt tokens (registers, width) for each of a batch: (B, registers, width).

    They precede the latents and give attention a place to store what belongs to no position (Darcet
    et al. 2023, "Vision transformers need registers").
    """
    return registers.expand(batch, -1, -1)


def embed_inpaint_cond(
    blocks: Sequence[Block], inpaint_cond: Tensor | None, like: Tensor, size: tuple[int, int, int]
) -> tuple[Tensor, ...]:
    """Return each block's embedding (B or 1, prepended + tokens, width) of the kept latents.

    `inpaint_cond` (B, local_cond_dim, tokens) is a mask channel, 1 where a latent is kept and 0
    where it is generated, then the kept latents; None keeps nothing. `size` is local_cond_dim,
    tokens and the number of prepended tokens, which have no local condition.
    """
    dims, tokens, prepended = size
    if inpaint_cond is None:
        inpaint_cond = like.new_zeros(1, dims, tokens)
    cond = inpaint_cond.to(like).transpose(1, 2)
    return tuple(
        functional.pad(cast(nn.Module, block.to_local_embed)(cond), (0, 0, prepended, 0))
        for block in blocks
    )


def make_padding_mask(length: int, valid: int, like: Tensor) -> Tensor:
    """Return (length, 1): 1 for the first `valid` tokens and 0 for the padding after them."""
    return (torch.arange(length, device=like.device) < valid).to(like.dtype)[:, None]
