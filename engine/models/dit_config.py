"""Sizes and parts of the diffusion transformer, for three model families. Needs torch.

The defaults describe Stable Audio Open: the global condition is a token before the latents. Our own
networks add `adaln` and `latents_per_second`: the global condition modulates every block too, and
each token gets features of its place in the beat and in the requested length, which a small model
needs.
Stable Audio 3 has `adaln_only`, `registers`, `local_cond_dim` (inpainting), `rms_norm` and
`fixed_fourier_times`. In files some fields have older names: `engine.files.names`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from engine.files.names import key_on_disk
from engine.models.layers import BlockConfig

LEAST_ROTARY = 32
_MAY_BE_ZERO = ("registers", "local_cond_dim")


@dataclass(frozen=True, slots=True)
class DiffusionTransformerConfig:
    """Sizes of the transformer. `patch_size` neighbouring latents make one token.

    `adaln_only`: the global condition modulates the blocks, through sigmoid gates, and is no token.
    `local_cond_dim` is the width of the condition of each latent (Conditioning's
    inpaint_cond). With `latents_per_second` of 0 there are no timing features of tempo and length.
    Without `project_cond_tokens` conditioning tokens keep their width, with fewer heads. A
    `preconditioned` network predicts only the residual of a linear estimate of the velocity.
    """

    io_channels: int = 64
    patch_size: int = 1
    embed_dim: int = 1024
    depth: int = 16
    num_heads: int = 8
    cond_token_dim: int = 768
    global_cond_dim: int = 768
    ff_multiple: int = 4
    adaln: bool = False
    latents_per_second: float = 0.0
    qk_norm: bool = True
    project_cond_tokens: bool = True
    adaln_only: bool = False
    registers: int = 0
    local_cond_dim: int = 0
    rms_norm: bool = False
    fixed_fourier_times: bool = False
    preconditioned: bool = False

    def __post_init__(self) -> None:
        """Refuse sizes that do not fit each other."""
        for field in fields(self):
            least = 0 if field.name in _MAY_BE_ZERO else 1
            value = getattr(self, field.name)
            if field.type == "int" and value < least:
                name = key_on_disk(type(self), field.name)
                raise ValueError(f"{name} must be at least {least}, got {value}")
        if self.local_cond_dim and not self.adaln_only:
            raise ValueError(
                "only an adaln_only network (in files: adaptive) has local_cond_dim (local_dims)"
            )
        if self.embed_dim % self.num_heads:
            raise ValueError(
                f"embed_dim {self.embed_dim} must be a multiple of num_heads {self.num_heads}"
            )
        if self.embed_dim // self.num_heads < LEAST_ROTARY:
            raise ValueError(
                f"a head must have at least {LEAST_ROTARY} dims, got "
                f"{self.embed_dim} / {self.num_heads}"
            )
        if self.embed_dim % self.context_width or self.context_width % self.block.head_dims:
            raise ValueError(
                f"cond_token_dim {self.cond_token_dim} must hold heads of {self.block.head_dims} "
                f"dims, and embed_dim {self.embed_dim} a multiple of them"
            )
        if not 0 <= self.latents_per_second < math.inf:
            raise ValueError(
                f"latents_per_second must be at least 0, got {self.latents_per_second}"
            )

    @property
    def context_width(self) -> int:
        """Width of the conditioning tokens that the blocks attend to."""
        return self.embed_dim if self.project_cond_tokens else self.cond_token_dim

    @property
    def block(self) -> BlockConfig:
        """Sizes of each block."""
        return BlockConfig(
            width=self.embed_dim,
            heads=self.num_heads,
            context_width=self.context_width,
            ff_multiple=self.ff_multiple,
            qk_norm=self.qk_norm,
            adaln=self.adaln or self.adaln_only,
            sigmoid_gates=self.adaln_only,
            rms_norm=self.rms_norm,
            local_cond_dim=self.local_cond_dim,
        )

    @property
    def prepended_tokens(self) -> int:
        """Tokens before those of the latents: registers, and the global condition if it is one."""
        return self.registers + (not self.adaln_only)
