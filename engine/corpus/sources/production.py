"""Augments recordings as a producer would (filter, drive, reverb, gain), and cuts them to length.

Training process. Samples are float32 (frames, 2). Needs no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
PEAK = 0.9
SILENCE = 1e-4
END_DB = 60.0
"""A sound ends where it stays further below its peak."""
FADE_S = 0.005
PRE_ROLL_DB = 40.0
PRE_ROLL_S = 0.002
UNTOUCHED_SHARE = 0.45


@dataclass(frozen=True, slots=True)
class Fitted:
    """Samples of the asked length, and how much of it sounds."""

    samples: Samples
    seconds: float


def fit(samples: Samples, max_seconds: float, rate: int) -> Fitted | None:
    """Cut or pad to `max_seconds`, at peak 0.9, faded where cut; None where it is silent."""
    samples = without_pre_roll(samples, rate)
    frames = round(max_seconds * rate)
    out = np.zeros((frames, 2), np.float32)
    kept = samples[:frames]
    peak = float(np.abs(kept).max(initial=0.0))
    if not np.isfinite(peak) or peak < SILENCE:
        return None
    loud = np.flatnonzero(np.abs(kept).max(1) > peak * 10 ** (-END_DB / 20))
    end = min(len(kept), int(loud[-1]) + round(FADE_S * rate))
    out[:end] = kept[:end] * np.float32(PEAK / peak)
    fade = min(end, round(FADE_S * rate))
    out[end - fade : end] *= np.linspace(1, 0, fade, dtype=np.float32)[:, None]
    return Fitted(out, end / rate)


def without_pre_roll(samples: Samples, rate: int) -> Samples:
    """Drop what lies 2 ms and more before the sound first comes within 40 dB of its peak."""
    level = np.abs(samples).max(1, initial=0.0)
    peak = float(level.max(initial=0.0))
    if peak < SILENCE:
        return samples
    first = int(np.argmax(level > peak * 10 ** (-PRE_ROLL_DB / 20)))
    return samples[max(0, first - round(PRE_ROLL_S * rate)) :]


def produce(samples: Samples, rng: Random, rate: int) -> Samples:
    """Augment a sound as in a mix; nearly half are left unchanged."""
    if rng.random() < UNTOUCHED_SHARE or not len(samples):
        return samples
    if rng.random() < 0.35:
        samples = _filter(samples, rng, rate)
    if rng.random() < 0.2:
        samples = _driven(samples, rng)
    if rng.random() < 0.3:
        samples = _in_room(samples, rng, rate)
    if rng.random() < 0.2:
        samples = samples * np.array([rng.uniform(0.5, 1), rng.uniform(0.5, 1)], np.float32)
    if rng.random() < 0.06:
        samples = samples[::-1]
    return np.ascontiguousarray(samples, np.float32)


def _filter(samples: Samples, rng: Random, rate: int) -> Samples:
    """Low-pass, high-pass, or a tilt of up to 6 dB an octave around 1 kHz, without phase."""
    size = 1 << (2 * len(samples) - 1).bit_length()
    hertz = np.maximum(np.fft.rfftfreq(size, 1 / rate), 1.0)
    style = rng.random()
    if style < 0.45:
        gain = 1 / np.sqrt(1 + (hertz / (400 * 2 ** rng.uniform(0, 4.5))) ** 4)
    elif style < 0.75:
        gain = 1 / np.sqrt(1 + (60 * 2 ** rng.uniform(0, 4) / hertz) ** 4)
    else:
        gain = np.clip((hertz / 1000) ** rng.uniform(-0.5, 0.5), 0.1, 10)
    spectrum = np.fft.rfft(samples, size, axis=0) * gain[:, None]
    found = np.fft.irfft(spectrum, size, axis=0)[: len(samples)]
    return np.asarray(found, np.float32)


def _driven(samples: Samples, rng: Random) -> Samples:
    peak = max(float(np.abs(samples).max()), SILENCE)
    drive = 10 ** rng.uniform(0, 1.0)
    return np.asarray(np.tanh(samples * np.float32(drive / peak)), np.float32)


def _in_room(samples: Samples, rng: Random, rate: int) -> Samples:
    """Add reverb by decaying noise, different on each side, of 0.15 to 2 s."""
    seconds = 0.15 * 2 ** rng.uniform(0, 3.7)
    draws = np.random.default_rng(rng.getrandbits(32))
    time = np.arange(round(seconds * rate))[:, None] / rate
    echo = draws.standard_normal((len(time), 2)) * 10 ** (-3 * time / seconds)
    echo *= rng.uniform(0.03, 0.4) / np.sqrt(np.square(echo).sum(0))
    total = len(samples) + len(time)
    size = 1 << (total - 1).bit_length()
    wet = np.fft.irfft(np.fft.rfft(samples, size, 0) * np.fft.rfft(echo, size, 0), size, 0)[:total]
    out = np.asarray(wet, np.float32)
    out[: len(samples)] += samples
    return out
