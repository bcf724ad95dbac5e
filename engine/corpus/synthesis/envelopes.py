"""How a sound's level moves: attacks, decays, gates, fades. Training process."""

from __future__ import annotations

import torch
from torch import Tensor


def fall(time: Tensor, seconds: Tensor | float) -> Tensor:
    """Exponential decay, down by e after `seconds`; 0 before time 0. (B, T)."""
    return torch.exp(-time.clamp(min=0) / seconds) * (time >= 0)


def attack(time: Tensor, seconds: Tensor | float) -> Tensor:
    """A raised-cosine rise from 0 to 1 within `seconds`."""
    return 0.5 - 0.5 * torch.cos(torch.pi * (time / seconds).clamp(0, 1))


def gate(time: Tensor, hold: Tensor, release: Tensor | float) -> Tensor:
    """1 while held, then an exponential release."""
    return torch.exp(-(time - hold).clamp(min=0) / release)


def fade_out(time: Tensor, end: Tensor, length: Tensor | float) -> Tensor:
    """1, then a raised cosine down over `length` seconds, exactly 0 from `end` on."""
    return 0.5 - 0.5 * torch.cos(torch.pi * ((end - time) / length).clamp(0, 1))
