"""Features of a token's place in the requested length and in the beat. Needs torch.

From positions alone a small network would have to learn the beat of every tempo.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

BEATS = (16.0, 4.0, 2.0, 1.0, 0.5, 0.25)
"""Periods in beats: from four bars of four down to a sixteenth note."""
LENGTHS = (4.0, 2.0, 1.0)
"""Periods in requested lengths: the first tells the beginning from the end."""
TIMING_FEATURES = 2 * len(BEATS) + 1 + 2 * len(LENGTHS) + 1


def timing_features(tokens: int, per_second: float, seconds: Tensor, bpm: Tensor) -> Tensor:
    """Return features (B, tokens, TIMING_FEATURES) for tokens of 1 / per_second each.

    `seconds` (B,) are the requested lengths; `bpm` (B,) beats a minute, 0 where no tempo is asked
    for.
    """
    place = (torch.arange(tokens, device=seconds.device) + 0.5) / per_second
    beats = place * bpm.float()[:, None] / 60
    lengths = place / seconds.float()[:, None].clamp(min=1e-3)
    has_tempo = (bpm > 0).float()[:, None, None].expand(-1, tokens, -1)
    past_end = (lengths > 1).float()[..., None]
    waves = _waves(beats, BEATS) * has_tempo
    return torch.cat([waves, has_tempo, _waves(lengths.clamp(max=2), LENGTHS), past_end], dim=-1)


def _waves(x: Tensor, periods: tuple[float, ...]) -> Tensor:
    """Map (B, L) to sines and cosines (B, L, 2 * len(periods))."""
    angle = 2 * math.pi * x[..., None] / torch.tensor(periods, device=x.device)
    return torch.cat([angle.sin(), angle.cos()], dim=-1)
