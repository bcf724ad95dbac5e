"""From samples to a clip, and from a recording to what a model encodes. Engine process."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.clip import Clip
from engine.sound.spectral_features import RATE_HZ

FADE_S = 0.004
LOUDEST, KNEE = 0.99, 0.8
"""Up to the knee samples stay as they are; peaks above are rounded off towards the loudest."""
QUIETEST_SOURCE = 1e-4


def finished_clip(samples: NDArray[np.float32]) -> Clip:
    """A clip of samples (frames, 2), which are faded out at their end."""
    fade = min(len(samples), round(FADE_S * RATE_HZ))
    samples[len(samples) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)[:, None]
    return Clip(_rounded_off(samples), RATE_HZ)


def _rounded_off(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bend what lies above the knee so that it ends below 1: a lone peak costs no loudness."""
    above = np.maximum(np.abs(samples) - KNEE, 0)
    bent = np.sign(samples) * (KNEE + (LOUDEST - KNEE) * np.tanh(above / (LOUDEST - KNEE)))
    return np.where(above > 0, bent, samples).astype(np.float32)


def source_audio(source: Clip, frames: int, level: float | None) -> Tensor:
    """A recording as (1, 2, frames) at the model's rate and level, cut or filled with silence.

    `level` is the peak it is brought to; None leaves it.
    """
    samples = source.stereo().at_rate(RATE_HZ).samples[:frames]
    padded = np.zeros((frames, 2), np.float32)
    padded[: len(samples)] = samples
    peak = float(np.abs(padded).max())
    if level is not None and peak > QUIETEST_SOURCE:
        padded *= level / peak
    return torch.from_numpy(padded.T.copy())[None]
