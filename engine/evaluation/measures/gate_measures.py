"""Codec errors that a log-mel distance hides: in chords, level stability and onset times.

Pure functions of sounds (2, T) at 44.1 kHz.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from engine.clip import SAMPLE_RATE_HZ

LEVEL_S = 0.005
SHIVER_HZ = (8.0, 40.0)
"""The modulation band between tremolo and tone."""
TONE_DB = 12.0
"""How far a chord's tone must exceed the spectrum around it to count as present."""
CHORD_FIRST, CHORD_SAMPLES, CHORD_SIZE = 3_000, 40_000, 1 << 17


def level_db(sound: Tensor) -> Tensor:
    """Level every 5 ms in dB (N,), never below -90."""
    hop = round(LEVEL_S * SAMPLE_RATE_HZ)
    power = sound.float().square().mean(0)
    count = power.shape[-1] // hop
    return 10 * torch.log10(power[: count * hop].view(count, hop).mean(1) + 1e-9)


def shiver_db(sound: Tensor, seconds: float) -> float:
    """Return the RMS level modulation (dB) at 8 to 40 Hz in a sound's middle half."""
    levels = level_db(sound[:, : round(seconds * SAMPLE_RATE_HZ)]).double().numpy()
    middle = levels[len(levels) // 4 : 3 * len(levels) // 4]
    if len(middle) < 16:
        return 0.0
    place = np.arange(len(middle))
    middle = middle - np.polyval(np.polyfit(place, middle, 1), place)
    spectrum = np.fft.rfft(middle)
    hertz = np.fft.rfftfreq(len(middle), LEVEL_S)
    spectrum[(hertz < SHIVER_HZ[0]) | (hertz > SHIVER_HZ[1])] = 0
    return float(np.fft.irfft(spectrum, len(middle)).std())


def rise_ms(sound: Tensor) -> float:
    """Return when a sound first reaches 95 % of its peak."""
    level = sound.abs().amax(0)
    return float((level >= 0.95 * level.max()).nonzero()[0]) / SAMPLE_RATE_HZ * 1e3


def start_ms(sound: Tensor) -> float:
    """Return when a sound first reaches a tenth of its peak."""
    level = sound.abs().amax(0)
    return float((level >= 0.1 * level.max()).nonzero()[0]) / SAMPLE_RATE_HZ * 1e3


def tones_db(sound: Tensor, pitches: Sequence[float]) -> list[float]:
    """Return how far the spectrum at each MIDI note exceeds the spectrum beside it."""
    middle = sound.float().mean(0)[CHORD_FIRST : CHORD_FIRST + CHORD_SAMPLES]
    spectrum = torch.fft.rfft(middle * torch.hann_window(len(middle)), CHORD_SIZE).abs()
    levels = 20 * torch.log10(spectrum + 1e-6)

    def between(low: float, high: float) -> Tensor:
        first, last = (math.floor(hertz * CHORD_SIZE / SAMPLE_RATE_HZ) for hertz in (low, high))
        return levels[first : last + 2]

    found = []
    for pitch in pitches:
        hertz = 440 * 2 ** ((pitch - 69) / 12)
        near = 2 ** (35 / 1200)
        peak = between(hertz / near, hertz * near).max()
        beside = [
            between(hertz / near * 2 ** (-1.1 / 12), hertz / near * 2 ** (-0.5 / 12)),
            between(hertz * near * 2 ** (0.5 / 12), hertz * near * 2 ** (1.1 / 12)),
        ]
        found.append(float(peak - torch.cat(beside).median()))
    return found


def is_whole(sound: Tensor, pitches: Sequence[float]) -> bool:
    """Return whether all notes of a chord stand out."""
    return min(tones_db(sound, pitches)) > TONE_DB
