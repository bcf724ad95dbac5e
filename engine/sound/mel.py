"""Log-mel frames of stereo sound, level taken out: what the embedder hears. Needs torch."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from engine.clip import SAMPLE_RATE_HZ

HOP = 882
"""Samples from frame to frame: 20 ms."""
LONG, SHORT = 4096, 1024
"""Windows in samples: the long one tells notes apart, the short one tells when something begins."""
TONE_BANDS, TIME_BANDS, SIDE_BANDS = 128, 48, 32
FRAME_SIZE = TONE_BANDS + TIME_BANDS + SIDE_BANDS
RANGE_DB = 80.0
"""What lies further below a clip's loudest band counts as silence."""
LOWEST_HZ, HIGHEST_HZ = 25.0, 18_000.0
SILENT = 1e-10
"""Power of a clip that is digital silence, or as good as."""


def mel_bands(bands: int, window: int) -> Tensor:
    """Return (bands, window / 2 + 1) triangles, evenly spaced in mel, rows summing to 1."""
    low, high = (2595 * math.log10(1 + hertz / 700) for hertz in (LOWEST_HZ, HIGHEST_HZ))
    mel = torch.linspace(low, high, bands + 2)
    centres = 700 * (10 ** (mel / 2595) - 1) * window / SAMPLE_RATE_HZ
    # Narrow bands at the bottom would hold no bin: every band reaches at least one bin each way.
    left = torch.minimum(centres[:-2], centres[1:-1] - 1)[:, None]
    right = torch.maximum(centres[2:], centres[1:-1] + 1)[:, None]
    middle = centres[1:-1, None]
    k = torch.arange(window // 2 + 1)[None].float()
    rows = torch.minimum((k - left) / (middle - left), (right - k) / (right - middle)).clamp_min(0)
    return rows / rows.sum(1, keepdim=True)


def frames_in(samples: int) -> int:
    """How many frames hear anything of so many samples: the long window reaches beyond the end."""
    return -(-(samples + LONG // 2) // HOP)


@torch.no_grad()
def mel_frames(audio: Tensor) -> Tensor:
    """Turn stereo sound (B, 2, T) at 44.1 kHz into frames (B, frames_in(T), FRAME_SIZE), 0..1.

    0 is silence: RANGE_DB below the loudest band of the clip or less. Neither the level of a clip
    nor silence after it changes what is heard.
    """
    audio = audio.float()
    mid, side = (audio[:, 0] + audio[:, 1]) / 2, (audio[:, 0] - audio[:, 1]) / 2
    parts = [
        _band_power(mid, LONG, TONE_BANDS),
        _band_power(mid, SHORT, TIME_BANDS),
        _band_power(side, LONG, SIDE_BANDS),
    ]
    loudest = torch.stack([part.amax((1, 2)) for part in parts]).amax(0).clamp_min(SILENT)
    power = torch.cat(parts, dim=-1) / loudest[:, None, None]
    return (1 + 10 * torch.log10(power.clamp_min(1e-12)) / RANGE_DB).clamp(0, 1)


def _band_power(mono: Tensor, window: int, bands: int) -> Tensor:
    """Mean power (B, frames, bands) of (B, T), a frame's window centred on its 20 ms."""
    frames = frames_in(mono.shape[-1])
    left = window // 2 - HOP // 2
    right = (frames - 1) * HOP + window - left - mono.shape[-1]
    spectra = torch.stft(
        functional.pad(mono, (left, right)),
        window,
        HOP,
        window=torch.hann_window(window, device=mono.device) * (2 / window),
        center=False,
        return_complex=True,
    )
    power = spectra.abs().square().transpose(1, 2)
    return power @ mel_bands(bands, window).to(power).T
