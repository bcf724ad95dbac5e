"""Sound from phase-free spectral frames. Needs torch.

Phases are accumulated from the frequencies and locked around spectral peaks (Laroche and Dolson,
"Improved phase vocoder time-scale modification of audio", 1999, section III), made random where the
frame says noise, turned into sound by the inverse transform, and given the sub-frame energies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from engine.sound.spectral_features import (
    BINS,
    ENERGY_FLOOR,
    FLOOR,
    HOP,
    LOW_WINDOW,
    NOISE_BANDS,
    ONE_WINDOW,
    STEREO_BANDS,
    SUBFRAME,
    SUBFRAMES,
    WINDOW,
    FrameFormat,
    bins_of_format,
    interpolate_bands,
    low_pass,
    magnitude_from_scaled,
    split_bands,
    subframe_energy,
)

MOST_GAIN = 1.5
"""What sub-frame energies may add to the spectra, which a network decodes better than them."""
LOW_STEP = 8
"""Every so many samples are enough for what the long window holds: 2.7 kHz."""
IN_STEP_BINS = 46
"""Bins (up to 1 kHz) that start in step at an onset."""
SIDES_BLOCK = 24
"""Bins over which left runs ahead of right, or behind it, before chance may turn that round."""
ATTACK_RATIO = (100.0, 30.0)
"""By how much energy rises at an attack, below and above the split: a bass ripples by itself."""
LEAST_RISE = 8.0
"""A sub-frame's energy above the one before, from which on it is where a sound begins."""


class _Known(NamedTuple):
    """What phases begin with: a tuple, since numba takes no dataclass.

    `size` is the window's, `leads` (hops,) what `_leads` returns, `guide` (hops, bins) the phases
    of the lowest bins where they are known.
    """

    size: int
    leads: NDArray[np.float64]
    guide: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Band:
    """Spectra of one window size for synthesis, all (hops, bins)."""

    size: int
    magnitude: Tensor
    deviation: Tensor
    jitter: Tensor


def synthesise(features: Tensor, seed: int = 0, form: FrameFormat = ONE_WINDOW) -> Tensor:
    """Turn frames (frames, form.layout.size) into stereo sound (2, frames * FRAME), on the CPU.

    `seed` draws the phases of noise: the same frames and seed give the same samples.
    """
    features = features.detach().float().cpu()
    random = np.random.default_rng(seed)
    low, high = _bands(features, form)
    guide, low_audio = np.zeros((len(high.magnitude), 0), np.float32), None
    leads = _leads(features, form)
    if low is not None:
        phase = _phases(low, leads, guide, random)
        # Bin 2k of the long window and bin k of the short one have one frequency: one phase.
        guide = phase[:, : low.magnitude.shape[1] : LOW_WINDOW // WINDOW]
        low_audio = _audio(low, phase, features, random, form, LOW_STEP)
    phase = _phases(high, leads, guide, random)
    audio = _audio(high, phase, features, random, form)
    if low_audio is None:
        return _with_envelope(split_bands(audio, form), features, form)
    lows = low_pass(low_audio, form, LOW_STEP)
    bands = torch.stack([lows, audio - low_pass(audio, form)], dim=-2)
    return _with_envelope(bands, features, form)


def _bands(features: Tensor, form: FrameFormat) -> tuple[_Band | None, _Band]:
    """The spectra that frames hold: those of the long window, where there are any, and others."""
    magnitude = magnitude_from_scaled(_by_hop(features[:, form.layout.magnitude]))
    deviation = _by_hop(features[:, form.layout.deviation])
    noise = _by_hop(features[:, form.layout.noise]) * 0.2 + 0.2
    jitter = ((noise - 0.10) / 0.15).clamp(0, 1)
    # A falling kick is a fast chirp, which the measure takes for noise: lowest bins stay steady.
    steady_end = ((torch.arange(BINS) - 6) / 8).clamp(0, 1)
    jitter = interpolate_bands(jitter, NOISE_BANDS) * steady_end
    count = form.low_bins
    if not count:
        return None, _Band(WINDOW, magnitude, deviation, jitter)
    low_jitter = bins_of_format(jitter, form)[:, :count]
    low = _Band(LOW_WINDOW, magnitude[:, :count], deviation[:, :count], low_jitter)
    # What the long window has is silent in the short one, below where the crossover begins.
    above = functional.pad(magnitude[:, count:], (form.first_bin, 0))
    turned = functional.pad(deviation[:, count:], (form.first_bin, 0))
    return low, _Band(WINDOW, above, turned, jitter)


def _by_hop(part: Tensor) -> Tensor:
    """(frames, 2 * K) to (2 * frames, K)."""
    frames, width = part.shape
    return part.reshape(frames * 2, width // 2)


def _wanted_energy(features: Tensor, form: FrameFormat) -> Tensor:
    """Sub-frame energies (2, sub-frames) that frames ask for."""
    scaled = features[:, form.layout.envelope].unflatten(-1, (2, SUBFRAMES))
    wanted = scaled.permute(1, 0, 2).flatten(1)
    return (torch.exp(wanted * 5.0 - 9.0) - ENERGY_FLOOR).clamp_min(0)


def _leads(features: Tensor, form: FrameFormat) -> NDArray[np.float64]:
    """How many samples before each hop's centre (hops,) the sound in reach begins; else 0."""
    hops = 2 * len(features)
    leads = np.zeros(hops)
    if not form.keeps_edges:
        return leads
    energy = _wanted_energy(features, form).sum(0).double().numpy() + 10 * ENERGY_FLOOR
    rises = energy / np.concatenate([[10 * ENERGY_FLOOR], energy[:-1]])
    reach = LOW_WINDOW // 2 // SUBFRAME
    for hop in range(hops):
        centre = HOP // 2 + hop * HOP
        first = max(0, centre // SUBFRAME - reach)
        around = rises[first : centre // SUBFRAME + reach]
        if len(around) and around.max() > LEAST_RISE:
            leads[hop] = centre - (first + int(around.argmax())) * SUBFRAME
    return leads


def _phases(
    band: _Band,
    leads: NDArray[np.float64],
    guide: NDArray[np.float32],
    random: np.random.Generator,
) -> NDArray[np.float32]:
    shape = (len(band.magnitude), band.magnitude.shape[1])
    uniform = random.random(shape, dtype=np.float32)
    parts = [part.contiguous().numpy() for part in (band.magnitude, band.deviation, band.jitter)]
    return _locked_phases(parts[0], parts[1], parts[2], uniform, _Known(band.size, leads, guide))


def _audio(
    band: _Band,
    phase: NDArray[np.float32],
    features: Tensor,
    random: np.random.Generator,
    form: FrameFormat,
    step: int = 1,
) -> Tensor:
    """A band's sound (2, samples / step): every `step`-th sample of it."""
    sides = _stereo_spectra(band, torch.from_numpy(phase), features, random, form)
    return torch.stack([_inverse(side, band.size, step) for side in sides])


@numba.njit(cache=True, nogil=True)
def _find_peaks(spectrum: NDArray[np.float32], peaks: NDArray[np.int64]) -> int:
    """Write the bins of local maxima into `peaks`; return how many (at least one)."""
    bins, count = len(spectrum), 0
    for k in range(bins):
        below = spectrum[k - 1] if k > 0 else np.float32(0)
        above = spectrum[k + 1] if k < bins - 1 else np.float32(0)
        if spectrum[k] >= below and spectrum[k] > above:
            peaks[count] = k
            count += 1
    if count == 0:
        peaks[0] = 0
        count = 1
    return count


@numba.njit(cache=True, nogil=True)
def _peak_offset(spectrum: NDArray[np.float32], k: int) -> float:
    """How far, in bins, a peak lies from its bin, by a parabola through the log magnitudes."""
    if k == 0 or k == len(spectrum) - 1:
        return 0.0
    a, b, c = np.log(spectrum[k - 1 : k + 2] + np.float32(1e-6))
    bend = a - 2 * b + c
    return 0.5 * (a - c) / bend if bend < -1e-9 else 0.0


@numba.njit(cache=True, nogil=True)
def _lowest_between(spectrum: NDArray[np.float32], first: int, last: int) -> int:
    """The bin of the least magnitude from `first` up to before `last`."""
    lowest = first
    for j in range(first, last):
        if spectrum[j] < spectrum[lowest]:
            lowest = j
    return lowest


@numba.njit(cache=True, nogil=True)
def _locked_phases(
    magnitude: NDArray[np.float32],
    deviation: NDArray[np.float32],
    jitter: NDArray[np.float32],
    uniform: NDArray[np.float32],
    known: _Known,
) -> NDArray[np.float32]:
    """Phases (hops, bins): each peak advances by its frequency, its surroundings follow it.

    Inputs are (hops, bins), but `deviation` has only the tonal bins.
    """
    size, leads, guide = known.size, known.leads, known.guide
    hops, bins = magnitude.shape
    tonal = deviation.shape[1]
    phases = np.zeros((hops, bins), np.float32)
    previous, current = np.zeros(bins), np.zeros(bins)
    peaks = np.zeros(bins, np.int64)
    turn = 2 * np.pi * HOP / size
    # A struck or plucked thing leaves its place of rest: a sine. At the centre it is a cosine.
    quarter = np.pi / 2 if leads.any() else 0.0
    for t in range(hops):
        count, start = _find_peaks(magnitude[t], peaks), 0
        for i in range(count):
            k = peaks[i]
            end = _lowest_between(magnitude[t], k, peaks[i + 1]) if i < count - 1 else bins - 1
            offset = deviation[t, k] if k < tonal else _peak_offset(magnitude[t], k)
            phase = previous[k] + turn * (k + offset)
            # An onset: the low end starts in step, so that kicks stay sharp; higher up it would be
            # a click, and the sub-frame energies keep the attack.
            if t == 0 or magnitude[t, k] > 4.0 * magnitude[t - 1, k] + FLOOR:
                started = 2 * np.pi * (k + offset) * leads[t] / size - quarter
                phase = started if k * WINDOW < IN_STEP_BINS * size else 2 * np.pi * uniform[t, k]
            if k < guide.shape[1]:
                phase = guide[t, k]
            current[start : end + 1] = phase
            start = end + 1
        for k in range(bins):
            value = current[k] + (uniform[t, k] - 0.5) * 2 * np.pi * jitter[t, k]
            previous[k] = value % (2 * np.pi)
            phases[t, k] = previous[k] - np.pi * k
    return phases


def _stereo_spectra(
    band: _Band,
    phase: Tensor,
    features: Tensor,
    random: np.random.Generator,
    form: FrameFormat,
) -> tuple[Tensor, Tensor]:
    """Left and right (hops, bins) from the common magnitude, balance and coherence."""

    def by_bin(values: Tensor) -> Tensor:
        spread = interpolate_bands(values, STEREO_BANDS)
        return _of_band(spread, band, form).repeat_interleave(2, 0)

    # Analysis stays within 3; wilder latents must not become infinite over infinite.
    ratio = by_bin(torch.exp(features[:, form.layout.balance].clamp(-20, 20) * 2))
    # One side runs ahead of the other by the angle whose cosine is the coherence, in each bin: so
    # the width is right in narrow sounds too, and a coherence of -1 is anti-phase.
    coherence = 1 - (features[:, form.layout.coherence] + 0.5) / 2
    apart = by_bin(torch.arccos(coherence.clamp(-1, 1)) * (coherence < 0.98))
    draws = random.uniform(-1, 1, (1, 1, BINS // SIDES_BLOCK + 2)).astype(np.float32)
    ahead = functional.interpolate(
        torch.from_numpy(draws), BINS, mode="linear", align_corners=True
    )[0, 0]
    # Nearly always fully ahead or behind, and smooth between: a jump inside a partial is a blur.
    ahead = _of_band((32 * ahead).clamp(-1, 1), band, form)
    left = torch.polar(band.magnitude * (2 * ratio / (1 + ratio)).sqrt(), phase)
    right = torch.polar(band.magnitude * (2 / (1 + ratio)).sqrt(), phase + ahead * apart)
    return left, right


def _of_band(values: Tensor, band: _Band, form: FrameFormat) -> Tensor:
    """Values at the bins of WINDOW (..., BINS) at a band's own bins."""
    if band.size == WINDOW:
        return values
    return bins_of_format(values, form)[..., : form.low_bins]


def _inverse(spectrum: Tensor, window_size: int, step: int) -> Tensor:
    """Overlap-add (hops, bins) to (hops * HOP / step,), weighted so that equal windows sum to one.

    Of spectra that end early enough every `step`-th sample says all.
    """
    hops, size, hop = spectrum.shape[0], window_size // step, HOP // step
    window = torch.hann_window(window_size)[::step]
    # The long window's magnitudes are scaled to those of the short one.
    pieces = torch.fft.irfft(spectrum * (size / WINDOW), size) * window
    weights = window.square().expand(hops, size)
    length = (hops - 1) * hop + size
    both = torch.stack([pieces, weights]).transpose(1, 2)
    summed = functional.fold(both, (1, length), (1, size), stride=(1, hop))[:, 0, 0]
    start = size // 2 - hop // 2
    signal, weight = summed[:, start : start + hops * hop]
    return signal / weight.clamp_min(0.3)


def _with_envelope(bands: Tensor, features: Tensor, form: FrameFormat) -> Tensor:
    """Give (2, 2, T), below and above the split, the sub-frame energies that frames ask for."""
    wanted = _wanted_energy(features, form)
    have = subframe_energy(bands[None], form)[0]
    gain = ((wanted + ENERGY_FLOOR) / (have + ENERGY_FLOOR)).sqrt().clamp(0.01, MOST_GAIN)
    smooth = functional.interpolate(gain[None], scale_factor=SUBFRAME, mode="linear")[0]
    if form.keeps_edges:
        beside = _beside_edges(wanted).repeat_interleave(SUBFRAME, 1)
        smooth = torch.where(beside, gain.repeat_interleave(SUBFRAME, 1), smooth)
    return (bands * smooth).sum(1)


def _beside_edges(wanted: Tensor) -> Tensor:
    """Which sub-frames (2, sub-frames) lie at an attack: their gains must not be smoothed."""
    least = torch.tensor(ATTACK_RATIO)[:, None]
    quiet = 10 * ENERGY_FLOOR
    rises = wanted[:, 1:] + quiet > least * (wanted[:, :-1] + quiet)
    return functional.pad(rises, (1, 0)) | functional.pad(rises, (0, 1))
