"""Errors of a coded sound against the original: spectrum, onsets, stereo, pitch. Pure functions.

A sound is a tensor (2, T) at 44.1 kHz, full scale ±1; the coded one is as long as the real one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from engine.clip import SAMPLE_RATE_HZ
from engine.evaluation.measures.descriptors import estimate_pitch
from engine.sound.mel import mel_bands

MEL_BANDS, MEL_WINDOW = 128, 2048
FLOOR_DB = 80.0
"""Cells further below a sound's loudest one count as silence, in the original and the coded."""
WINDOWS = (512, 1024, 2048)
STEREO_BANDS, STEREO_LIMIT_DB = 32, 20.0
AUDIBLE_DB = 50.0
TOP_HZ = (12_000.0, 16_000.0)
ONSET_RISE_DB, ONSET_FLOOR_DB = 12.0, 40.0
ONSET_REACH_S, ONSET_APART_S = 0.025, 0.06
MAX_ONSETS = 16
ENVELOPE_HOP = 22
"""Half a millisecond: the time resolution of onsets."""


@dataclass(frozen=True, slots=True)
class CodecErrors:
    """The errors of one coded sound; None where the sound has nothing to measure."""

    log_mel_db: float
    spectral: float
    onset_ms: tuple[float, ...]
    stereo_db: float
    width: float
    top_db: float | None
    pitch_cents: float | None
    has_pitch: bool


def measure_codec_errors(real: Tensor, made: Tensor) -> CodecErrors:
    """Measure all errors."""
    pitch = estimate_pitch(_mono(real), SAMPLE_RATE_HZ)
    made_pitch = None if pitch is None else estimate_pitch(_mono(made), SAMPLE_RATE_HZ)
    cents = None if pitch is None or made_pitch is None else 100 * abs(made_pitch - pitch)
    return CodecErrors(
        log_mel_distance(real, made),
        spectral_distance(real, made),
        tuple(onset_errors(real, made)),
        stereo_error(real, made),
        side_share(made) - side_share(real),
        top_level(real, made),
        cents,
        pitch is not None,
    )


def log_mel_distance(real: Tensor, made: Tensor) -> float:
    """Return the mean difference in dB of 128 mel bands of 46 ms, of left and right."""
    bands = mel_bands(MEL_BANDS, MEL_WINDOW)
    levels = [_db(bands @ _power(sound, MEL_WINDOW)) for sound in (real, made)]
    floor = levels[0].amax() - FLOOR_DB
    return float((levels[0].clamp_min(floor) - levels[1].clamp_min(floor)).abs().mean())


def spectral_distance(real: Tensor, made: Tensor) -> float:
    """Return spectral convergence plus mean log magnitude difference, mean of three windows.

    The multi-resolution STFT loss of "Parallel WaveGAN" (Yamamoto 2020, equations 4 to 6), with
    magnitudes held above FLOOR_DB below the loudest, so that silence is silence.
    """
    found = []
    for window in WINDOWS:
        a, b = (_power(sound, window).sqrt() for sound in (real, made))
        least = float(a.amax()) * 10 ** (-FLOOR_DB / 20) + 1e-9
        convergence = (a - b).norm() / a.norm().clamp_min(1e-9)
        logs = (a.clamp_min(least).log() - b.clamp_min(least).log()).abs().mean()
        found.append(float(convergence + logs))
    return float(np.mean(found))


def stereo_error(real: Tensor, made: Tensor) -> float:
    """Return the mean error in dB of left/right and mid/side ratios, in bands with sound.

    Both ratios are clamped to ±20 dB, beyond which differences are inaudible.
    """
    return float(
        torch.stack(
            [
                (first - second).abs()[heard].mean()
                for first, second, heard in zip(*_ratios(real, made), strict=True)
            ]
        ).mean()
    )


def _ratios(real: Tensor, made: Tensor) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    bands = mel_bands(STEREO_BANDS, MEL_WINDOW)
    ratios: list[list[Tensor]] = []
    heard = torch.ones(1)
    for sound in (real, made):
        middle, side = _mid_side(sound)
        levels = [_power(channel[None], MEL_WINDOW)[0] for channel in (*sound, middle, side)]
        left, right, mid, difference = (_db(bands @ level) for level in levels)
        if sound is real:
            loudness = torch.maximum(left, right)
            heard = loudness > loudness.amax() - AUDIBLE_DB
        ratios.append(
            [
                (a - b).clamp(-STEREO_LIMIT_DB, STEREO_LIMIT_DB)
                for a, b in ((left, right), (mid, difference))
            ]
        )
    return ratios[0], ratios[1], [heard, heard]


def side_share(sound: Tensor) -> float:
    """Return the side's share of the energy: 0 is mono, 1 is anti-phase."""
    mid, side = (float(channel.square().sum()) for channel in _mid_side(sound))
    return side / (mid + side + 1e-12)


def top_level(real: Tensor, made: Tensor) -> float | None:
    """Level in dB of the coded top octave under 16 kHz against the real one's; None without one."""
    powers = [_power(sound, MEL_WINDOW).mean((0, 2)) for sound in (real, made)]
    hertz = torch.arange(MEL_WINDOW // 2 + 1) * (SAMPLE_RATE_HZ / MEL_WINDOW)
    top = (hertz >= TOP_HZ[0]) & (hertz < TOP_HZ[1])
    if powers[0][top].sum() < powers[0].sum() * 10 ** (-AUDIBLE_DB / 10):
        return None
    return float(10 * torch.log10((powers[1][top].sum() + 1e-12) / powers[0][top].sum()))


def onset_errors(real: Tensor, made: Tensor) -> list[float]:
    """Milliseconds that each sharp onset of the real sound moved, at most ONSET_REACH_S.

    An onset lies where the level of the analytic signal, which has no ripple of its own, first
    passes half of the way from before to after; both sounds have their own half.
    """
    first, second = (_level(sound) for sound in (real, made))
    reach = round(ONSET_REACH_S * SAMPLE_RATE_HZ / ENVELOPE_HOP)
    errors = []
    for place in _sharp_onsets(first):
        around = slice(max(0, place - reach), place + reach)
        moved = _half_rise(first[around]) - _half_rise(second[around])
        errors.append(abs(moved) * ENVELOPE_HOP / SAMPLE_RATE_HZ * 1e3)
    return errors


def _level(sound: Tensor) -> NDArray[np.float64]:
    """Return the level of both sides every ENVELOPE_HOP samples, with silence prepended."""
    silence = round(ONSET_APART_S * SAMPLE_RATE_HZ)
    padded = functional.pad(sound.double(), (silence, silence))
    size = 1 << padded.shape[-1].bit_length()
    spectrum = torch.fft.fft(padded, size)
    spectrum[:, 1 : size // 2] *= 2
    spectrum[:, size // 2 + 1 :] = 0
    energy = torch.fft.ifft(spectrum).abs().square().sum(0)[: padded.shape[-1]]
    count = len(energy) // ENVELOPE_HOP
    hops = energy[: count * ENVELOPE_HOP].unflatten(0, (count, ENVELOPE_HOP)).mean(1)
    level: NDArray[np.float64] = hops.sqrt().numpy()
    return np.convolve(level, np.ones(3) / 3, "same")


def _sharp_onsets(level: NDArray[np.float64]) -> list[int]:
    """Return places that rise by ONSET_RISE_DB in 10 ms to an audible level, strongest first."""
    step = round(0.01 * SAMPLE_RATE_HZ / ENVELOPE_HOP)
    top = float(level.max())
    if top <= 1e-5:
        return []
    db = 20 * np.log10(level / top + 10 ** (-ONSET_FLOOR_DB / 20))
    rise = db[step:] - db[:-step]
    apart = round(ONSET_APART_S * SAMPLE_RATE_HZ / ENVELOPE_HOP)
    found: list[int] = []
    for place in np.argsort(-rise, kind="stable"):
        if rise[place] < ONSET_RISE_DB or len(found) == MAX_ONSETS:
            break
        middle = int(place) + step // 2
        if db[middle : middle + 2 * step].max() > -24 and all(
            abs(middle - other) > apart for other in found
        ):
            found.append(middle)
    return found


def _half_rise(level: NDArray[np.float64]) -> float:
    """Place at which the level first passes half of its rise, between two values."""
    top = int(level.argmax())
    low = float(level[: top + 1].min())
    half = (low + float(level[top])) / 2
    place = int(np.argmax(level[: top + 1] >= half))
    if place == 0:
        return 0.0
    before, after = level[place - 1], level[place]
    return float(place - 1 + (half - before) / max(after - before, 1e-12))


def _mono(sound: Tensor) -> NDArray[np.float64]:
    """Return the channel to estimate pitch in: the mid, or the side if there is hardly any mid."""
    mid, side = _mid_side(sound)
    return (side if side.square().sum() > 8 * mid.square().sum() else mid).double().numpy()


def _mid_side(sound: Tensor) -> tuple[Tensor, Tensor]:
    return (sound[0] + sound[1]) / 2, (sound[0] - sound[1]) / 2


def _power(sound: Tensor, window: int) -> Tensor:
    """Power (C, window / 2 + 1, frames) of (C, T), a quarter of a window apart."""
    spectra = torch.stft(
        sound.float(),
        window,
        window // 4,
        window=torch.hann_window(window) * (2 / window),
        pad_mode="constant",
        return_complex=True,
    )
    return spectra.abs().square()


def _db(power: Tensor) -> Tensor:
    return 10 * torch.log10(power + 1e-12)
