"""Loudness by BS.1770, and loudness normalisation. Needs torch.

Loudness is the momentary one of ITU-R BS.1770: K-weighted power in windows of 400 ms. pyloudnorm
measures one sound at a time and none shorter than 400 ms; hits are shorter, and training and
evaluation measure batches.
"""

from __future__ import annotations

import torch
from torch import Tensor

LEVEL_LUFS = -14.0
"""Target loudness of our own models' sounds, so that hits, notes and beds play equally loud."""
MOST_GAIN_DB = 24.0
"""Largest gain: what is much quieter may be meant to be silent."""
HIGHEST_PEAK_DB = 6.0
"""Over full scale: how far the peak of a short hit may be soft-clipped for its loudness."""
WINDOW_S, HOP_S = 0.4, 0.1
_OFFSET_DB = -0.691
_SILENT = 1e-10


def loudness(audio: Tensor, rate: int) -> Tensor:
    """Return LUFS (B,) of the loudest 400 ms of sounds (B, 2, T), padded if shorter."""
    window, hop = round(WINDOW_S * rate), round(HOP_S * rate)
    length = audio.shape[-1]
    # Pad the last window with silence, so that the end is measured too.
    missing = window - length if length <= window else -(length - window) % hop
    windows = torch.nn.functional.pad(audio.float(), (0, missing)).unfold(-1, window, hop)
    bins = torch.fft.rfft(windows)
    power = bins.real.square() + bins.imag.square()
    weights = k_weights(window, rate).to(audio.device)
    mean = (power * weights).sum((1, 3)) * (2 / window**2)
    lufs: Tensor = _OFFSET_DB + 10 * mean.amax(1).clamp(min=_SILENT).log10()
    return lufs


def normalise_loudness(audio: Tensor, rate: int) -> Tensor:
    """Bring sounds (B, 2, T) to LEVEL_LUFS by one gain each, as far as peak and noise allow."""
    peak_db = 20 * audio.float().abs().amax((1, 2)).clamp(min=_SILENT).log10()
    gain_db = (LEVEL_LUFS - loudness(audio, rate)).clamp(max=MOST_GAIN_DB)
    gain_db = torch.minimum(gain_db, HIGHEST_PEAK_DB - peak_db)
    return audio * (10 ** (gain_db / 20))[:, None, None].to(audio.dtype)


def k_weights(window: int, rate: int) -> Tensor:
    """Return power gains (window / 2 + 1) of BS.1770's two filters at the frequencies of an rfft.

    A shelf of 4 dB above 1.7 kHz for the head, and a high-pass at 38 Hz; both as analogue filters.
    """
    hertz = torch.fft.rfftfreq(window, 1 / rate).double()
    shelf_gain, middle = 10 ** (3.99984385397 / 20), 10 ** (3.99984385397 / 40)
    shelf = _power(hertz, 1681.9744509555319, 0.7071752369554193, (shelf_gain, middle, 1.0))
    high = _power(hertz, 38.13547087602444, 0.5003270373238773, (1.0, 0.0, 0.0))
    return (shelf * high).float()


def _power(hertz: Tensor, corner: float, quality: float, parts: tuple[float, ...]) -> Tensor:
    """|H|² of (a s² + b s/q + c) / (s² + s/q + 1), s in units of the corner."""
    place = hertz / corner
    square, slope, constant = parts
    above = (constant - square * place**2).square() + (slope * place / quality).square()
    below = (1 - place**2).square() + (place / quality).square()
    return above / below
