"""Samples to a finished clip, and a source clip to what a model encodes. Needs torch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.clip import Clip

FADE_S = 0.004
LOUDEST, KNEE = 0.99, 0.8
"""Soft clipping: samples below the knee are unchanged, peaks are compressed below LOUDEST."""
QUIETEST_SOURCE = 1e-4


def postprocess(samples: NDArray[np.float32], rate: int) -> Clip:
    """Fade out samples (frames, 2), soft-clip their peaks and make a clip of them."""
    fade = min(len(samples), round(FADE_S * rate))
    samples[len(samples) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)[:, None]
    return Clip(_soft_clip(samples), rate)


def _soft_clip(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compress peaks above the knee to below 1, so that a single peak costs no loudness."""
    above = np.maximum(np.abs(samples) - KNEE, 0)
    bent = np.sign(samples) * (KNEE + (LOUDEST - KNEE) * np.tanh(above / (LOUDEST - KNEE)))
    return np.where(above > 0, bent, samples).astype(np.float32)


def prepare_source(source: Clip, frames: int, rate: int, peak: float | None) -> Tensor:
    """Return a source as (1, 2, frames) at a rate, cut or padded with silence.

    `peak` is the peak it is scaled to; None leaves its level as it is.
    """
    samples = source.stereo().at_rate(rate).samples[:frames]
    padded = np.zeros((frames, 2), np.float32)
    padded[: len(samples)] = samples
    loudest = float(np.abs(padded).max())
    if peak is not None and loudest > QUIETEST_SOURCE:
        padded *= peak / loudest
    return torch.from_numpy(padded.T.copy())[None]
