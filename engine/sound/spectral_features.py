"""Phase-free spectral frames of stereo sound, and sound from such frames. Engine process.

A frame covers 1024 samples and says, without any absolute phase: the magnitudes of two short-time
spectra, how far each bin's frequency lies from the bin's centre (the phase derivative, as in the
phase vocoder), how noise-like each band is, the energy of 8 sub-frames in two bands, and where the
sound lies between left and right. A steady tone is a constant sequence of frames whatever its
phase, which is what makes pitch easy for a flow model.

Back to sound: phases are accumulated from the frequencies and locked around spectral peaks
(Laroche and Dolson, "Improved phase vocoder time-scale modification of audio", 1999, section III),
made random where the frame says noise, turned into sound by the inverse transform, and given the
sub-frame energies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from engine.clip import SAMPLE_RATE_HZ

RATE_HZ = SAMPLE_RATE_HZ
WINDOW = 2048
HOP = 512
FRAME = 1024
"""Samples of one feature frame: two hops."""
BINS = WINDOW // 2 + 1
TONAL_BINS = 372
"""Bins (up to 8 kHz) whose frequency is kept; above, it is read off the magnitudes."""
NOISE_BANDS = 64
STEREO_BANDS = 24
SUBFRAME = 128
SUBFRAMES = FRAME // SUBFRAME
ENVELOPE_SPLIT_HZ = 600.0
FLOOR = 0.02
"""Magnitude floor; a full-scale sine has magnitude 512, so this is -88 dB."""
ENERGY_FLOOR = 1e-8
LARGEST_DEVIATION = 2.0
MOST_GAIN = 1.5
"""What sub-frame energies may add to the spectra, which a network decodes better than them."""
IN_STEP_BINS = 46
"""Bins (up to 1 kHz) that start in step at an onset."""
ANTI_PHASE = 100.0
"""How far the side's energy must lie above the mid's for a bin's frequency to be read off it."""
SIDES_BLOCK = 24
"""Bins over which left runs ahead of right, or behind it, before chance may turn that round."""


@dataclass(frozen=True, slots=True)
class FrameLayout:
    """Where each part lies in a frame's feature vector."""

    magnitude: slice
    deviation: slice
    noise: slice
    envelope: slice
    balance: slice
    coherence: slice
    size: int


def _layout() -> FrameLayout:
    sizes = (
        2 * BINS,
        2 * TONAL_BINS,
        2 * NOISE_BANDS,
        2 * SUBFRAMES,
        STEREO_BANDS,
        STEREO_BANDS,
    )
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    a, b, c, d, e, f = (slice(end - size, end) for end, size in zip(ends, sizes, strict=True))
    return FrameLayout(a, b, c, d, e, f, ends[-1])


LAYOUT = _layout()


def band_matrix(bands: int, device: torch.device | str = "cpu") -> Tensor:
    """Return (bands, BINS) weights of triangular bands, evenly spaced in mel, rows summing to 1."""
    mel = torch.linspace(0, 2595 * math.log10(1 + RATE_HZ / 2 / 700), bands + 2)
    centres = 700 * (10 ** (mel / 2595) - 1) * WINDOW / RATE_HZ
    # Narrow bands at the bottom would hold no bin: every band reaches at least one bin each way.
    left = torch.minimum(centres[:-2], centres[1:-1] - 1)[:, None]
    right = torch.maximum(centres[2:], centres[1:-1] + 1)[:, None]
    middle = centres[1:-1, None]
    k = torch.arange(BINS)[None].float()
    rows = torch.minimum((k - left) / (middle - left), (right - k) / (right - middle)).clamp_min(0)
    return (rows / rows.sum(1, keepdim=True)).to(device)


def frame_count(samples: int) -> int:
    """Return how many frames cover so many samples."""
    return math.ceil(samples / FRAME)


def _spectra(audio: Tensor, frames: int) -> Tensor:
    """STFT (B, 2, BINS, 2 * frames + 1): frame 0 lies one hop before the sound."""
    left = WINDOW // 2 - HOP // 2 + HOP
    hops = 2 * frames + 1
    right = (hops - 1) * HOP + WINDOW - left - audio.shape[-1]
    padded = functional.pad(audio, (left, right))
    window = torch.hann_window(WINDOW, device=audio.device)
    batch, channels, samples = padded.shape
    spectra = torch.stft(
        padded.reshape(batch * channels, samples),
        WINDOW,
        HOP,
        window=window,
        center=False,
        return_complex=True,
    )
    return spectra.reshape(batch, channels, BINS, hops)


def _wrapped(phase: Tensor) -> Tensor:
    return phase - 2 * math.pi * torch.round(phase / (2 * math.pi))


def _advance(spectra: Tensor) -> Tensor:
    """How far each bin's phase turns from hop to hop: (B, 2, BINS, hops) to (B, BINS, hops - 1).

    It is the mid's; a bin in anti-phase has no mid to speak of and is told by its side.
    """
    mid, side = spectra.sum(1), spectra[:, 0] - spectra[:, 1]
    steps = [part[..., 1:] * part[..., :-1].conj() for part in (mid, side)]
    return torch.where(steps[1].abs() > ANTI_PHASE * steps[0].abs(), steps[1], steps[0]).angle()


def _deviation_and_noise(spectra: Tensor, magnitude: Tensor) -> tuple[Tensor, Tensor]:
    """Bin deviations in bins (B, BINS, hops) and noise 0..1 by bands (B, NOISE_BANDS, hops)."""
    expected = 2 * math.pi * HOP / WINDOW * torch.arange(BINS, device=spectra.device)[:, None]
    turn = _wrapped(_advance(spectra) - expected)
    deviation = turn * WINDOW / (2 * math.pi * HOP)
    change = functional.pad(_wrapped(turn[..., 1:] - turn[..., :-1]).abs() / math.pi, (1, 1))
    change[..., 0], change[..., -1] = change[..., 1], change[..., -2]
    unsteady = torch.minimum(change[..., :-1], change[..., 1:])
    # Peaks decide: between two partials the phase wanders, but that is not noise.
    energy = (magnitude.square() + FLOOR**2).square()
    bands = band_matrix(NOISE_BANDS, spectra.device)
    noise = torch.einsum("nk,bkt->bnt", bands, unsteady * energy)
    noise = noise / torch.einsum("nk,bkt->bnt", bands, energy)
    return deviation.clamp(-LARGEST_DEVIATION, LARGEST_DEVIATION), noise


def split_bands(audio: Tensor) -> Tensor:
    """Split (..., T) into (..., 2, T): below and above ENVELOPE_SPLIT_HZ, summing to the input."""
    samples = audio.shape[-1]
    size = 1 << (samples + 4096 - 1).bit_length()
    spectrum = torch.fft.rfft(audio, size)
    frequency = torch.arange(spectrum.shape[-1], device=audio.device) * (RATE_HZ / size)
    octaves = torch.log2(frequency.clamp_min(1.0) / ENVELOPE_SPLIT_HZ)
    low_pass = 0.5 - 0.5 * torch.sin((octaves * math.pi).clamp(-math.pi / 2, math.pi / 2))
    low = torch.fft.irfft(spectrum * low_pass, size)[..., :samples]
    return torch.stack([low, audio - low], dim=-2)


def subframe_energy(bands: Tensor) -> Tensor:
    """Mean energy of channels in sub-frames: (B, C, 2, T) to (B, 2, T / SUBFRAME), smoothed."""
    energy = bands.square().mean(1).unflatten(-1, (-1, SUBFRAME)).mean(-1)
    padded = functional.pad(energy, (1, 1), mode="replicate")
    return 0.25 * padded[..., :-2] + 0.5 * padded[..., 1:-1] + 0.25 * padded[..., 2:]


def analyse(audio: Tensor) -> Tensor:
    """Turn stereo sound (B, 2, T) into frames (B, frame_count(T), LAYOUT.size), parts about -2..2.

    float32 in and out; T is padded with silence to whole frames.
    """
    frames = frame_count(audio.shape[-1])
    audio = functional.pad(audio.float(), (0, frames * FRAME - audio.shape[-1]))
    spectra = _spectra(audio, frames)
    left, right = spectra[:, 0], spectra[:, 1]
    power = spectra.abs().square()
    magnitude = power.mean(1).sqrt()
    deviation, noise = _deviation_and_noise(spectra, magnitude[..., 1:])
    bands = band_matrix(STEREO_BANDS, audio.device)
    band_power = torch.einsum("nk,bckt->bcnt", bands, power[..., 1:]).unflatten(-1, (-1, 2)).sum(-1)
    cross = torch.einsum("nk,bkt->bnt", bands, (left * right.conj()).real[..., 1:])
    cross = cross.unflatten(-1, (-1, 2)).sum(-1)
    power_floor = FLOOR**2
    balance = torch.log((band_power[:, 0] + power_floor) / (band_power[:, 1] + power_floor))
    coherence = (cross + power_floor) / (band_power.prod(1).sqrt() + power_floor)
    envelope = subframe_energy(split_bands(audio))
    parts = [
        _by_frame(_scaled_magnitude(magnitude[..., 1:])),
        _by_frame(deviation[:, :TONAL_BINS]),
        _by_frame((noise - 0.2) / 0.2),
        envelope.unflatten(-1, (-1, SUBFRAMES)).permute(0, 2, 1, 3).flatten(2).clamp_min(0)
        .add(ENERGY_FLOOR).log().add(9.0).div(5.0),
        (balance / 2).clamp(-3, 3).transpose(1, 2),
        (1 - coherence).transpose(1, 2) * 2 - 0.5,
    ]  # fmt: skip
    return torch.cat(parts, dim=-1)


def _scaled_magnitude(magnitude: Tensor) -> Tensor:
    return (torch.log(magnitude + FLOOR) + 1.0) / 3.0


def magnitude_from_scaled(scaled: Tensor) -> Tensor:
    """Undo the scaling of the magnitude part."""
    return (torch.exp(scaled.clamp(-2, 3) * 3.0 - 1.0) - FLOOR).clamp_min(0)


def mid_side_power(features: Tensor) -> Tensor:
    """Power of mid and side (B, 2, hops, BINS) that frames (B, L, LAYOUT.size) stand for.

    With the floor in it, and neither below a hundredth of the whole: so its logarithm is smooth in
    the frames everywhere, also in the coherence of what is nearly mono.
    """
    scaled = features[..., LAYOUT.magnitude].unflatten(-1, (2, BINS)).flatten(1, 2)
    power = torch.exp(2 * (scaled.clamp(-2, 3) * 3.0 - 1.0))
    balance = features[..., LAYOUT.balance].clamp(-3, 3)
    coherence = (1 - (features[..., LAYOUT.coherence] + 0.5) / 2).clamp(-1, 1)
    # 2 sqrt(r) / (1 + r) of the ratio r = exp(2 * balance) is 1 / cosh(balance).
    common = _interpolate_bands(coherence / torch.cosh(balance), STEREO_BANDS)
    share = common.repeat_interleave(2, 1)[:, None] * torch.tensor([[[1.0]], [[-1.0]]]).to(power)
    return power[:, None] * (0.01 + 0.98 * (1 + share) / 2) + FLOOR**2


def noise_by_bin(features: Tensor) -> Tensor:
    """The noise part (B, hops, BINS) of frames (B, L, LAYOUT.size), as it is scaled there."""
    noise = features[..., LAYOUT.noise].unflatten(-1, (2, NOISE_BANDS)).flatten(1, 2)
    return _interpolate_bands(noise, NOISE_BANDS)


def _by_frame(values: Tensor) -> Tensor:
    """(B, K, 2 * frames) to (B, frames, 2 * K): the first hop's values, then the second's."""
    return values.unflatten(-1, (-1, 2)).permute(0, 2, 3, 1).flatten(2)


def _by_hop(part: Tensor) -> Tensor:
    """(frames, 2 * K) to (2 * frames, K)."""
    frames, width = part.shape
    return part.reshape(frames * 2, width // 2)


def synthesise(features: Tensor, seed: int = 0) -> Tensor:
    """Turn frames (frames, LAYOUT.size) into stereo sound (2, frames * FRAME), on the CPU.

    `seed` draws the phases of noise: the same frames and seed give the same samples.
    """
    features = features.detach().float().cpu()
    frames = features.shape[0]
    random = np.random.default_rng(seed)
    magnitude = magnitude_from_scaled(_by_hop(features[:, LAYOUT.magnitude]))
    deviation = _by_hop(features[:, LAYOUT.deviation])
    noise = _by_hop(features[:, LAYOUT.noise]) * 0.2 + 0.2
    jitter = ((noise - 0.10) / 0.15).clamp(0, 1)
    # A falling kick is a fast chirp, which the measure takes for noise: lowest bins stay steady.
    steady_end = ((torch.arange(BINS) - 6) / 8).clamp(0, 1)
    jitter = _interpolate_bands(jitter, NOISE_BANDS) * steady_end
    uniform = random.random((2 * frames, BINS), dtype=np.float32)
    phase = torch.from_numpy(
        _locked_phases(magnitude.numpy(), deviation.numpy(), jitter.numpy(), uniform)
    )
    left, right = _stereo_spectra(magnitude, phase, features, random)
    audio = torch.stack([_inverse(left), _inverse(right)])
    return _with_envelope(audio, features)


def _interpolate_bands(values: Tensor, bands: int) -> Tensor:
    """(..., bands) to (..., BINS), each bin the weighted mean of the bands that cover it."""
    weights = band_matrix(bands, values.device)
    weights = weights / weights.amax(1, keepdim=True)
    total = weights.sum(0)
    first = int((total > 1e-3).nonzero()[0])
    last = int((total > 1e-3).nonzero()[-1])
    out = values @ (weights / total.clamp_min(1e-3))
    out[..., :first], out[..., last + 1 :] = values[..., :1], values[..., -1:]
    return out


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
) -> NDArray[np.float32]:
    """Phases (hops, BINS): each peak advances by its frequency, its surroundings follow it.

    All inputs are (hops, bins); `deviation` has only the tonal bins.
    """
    hops, bins = magnitude.shape
    tonal = deviation.shape[1]
    phases = np.zeros((hops, bins), np.float32)
    previous, current = np.zeros(bins), np.zeros(bins)
    peaks = np.zeros(bins, np.int64)
    turn = 2 * np.pi * HOP / WINDOW
    for t in range(hops):
        count, start = _find_peaks(magnitude[t], peaks), 0
        for i in range(count):
            k = peaks[i]
            end = _lowest_between(magnitude[t], k, peaks[i + 1]) if i < count - 1 else bins - 1
            offset = deviation[t, k] if k < tonal else _peak_offset(magnitude[t], k)
            phase = previous[k] + turn * (k + offset)
            # An onset: the low end starts in step at the frame's centre, so that kicks stay sharp;
            # higher up it would be a click, and the sub-frame energies keep the attack.
            if t == 0 or magnitude[t, k] > 4.0 * magnitude[t - 1, k] + FLOOR:
                phase = 0.0 if k < IN_STEP_BINS else 2 * np.pi * uniform[t, k]
            current[start : end + 1] = phase
            start = end + 1
        for k in range(bins):
            value = current[k] + (uniform[t, k] - 0.5) * 2 * np.pi * jitter[t, k]
            previous[k] = value % (2 * np.pi)
            phases[t, k] = previous[k] - np.pi * k
    return phases


def _stereo_spectra(
    magnitude: Tensor, phase: Tensor, features: Tensor, random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Left and right (hops, BINS) from the common magnitude, balance and coherence."""
    # Analysis stays within 3; wilder latents must not become infinite over infinite.
    ratio = torch.exp(features[:, LAYOUT.balance].clamp(-20, 20) * 2)
    ratio = _interpolate_bands(ratio, STEREO_BANDS).repeat_interleave(2, 0)
    # One side runs ahead of the other by the angle whose cosine is the coherence, in each bin: so
    # the width is right in narrow sounds too, and a coherence of -1 is anti-phase.
    coherence = 1 - (features[:, LAYOUT.coherence] + 0.5) / 2
    apart = torch.arccos(coherence.clamp(-1, 1)) * (coherence < 0.98)
    apart = _interpolate_bands(apart, STEREO_BANDS).repeat_interleave(2, 0)
    draws = random.uniform(-1, 1, (1, 1, BINS // SIDES_BLOCK + 2)).astype(np.float32)
    ahead = functional.interpolate(
        torch.from_numpy(draws), BINS, mode="linear", align_corners=True
    )[0, 0]
    # Nearly always fully ahead or behind, and smooth between: a jump inside a partial is a blur.
    ahead = (32 * ahead).clamp(-1, 1)
    left = torch.polar(magnitude * (2 * ratio / (1 + ratio)).sqrt(), phase)
    right = torch.polar(magnitude * (2 / (1 + ratio)).sqrt(), phase + ahead * apart)
    return left, right


def _inverse(spectrum: Tensor) -> Tensor:
    """Overlap-add (hops, BINS) to (hops * HOP,), weighted so that equal windows sum to one."""
    hops = spectrum.shape[0]
    window = torch.hann_window(WINDOW)
    pieces = torch.fft.irfft(spectrum, WINDOW) * window
    weights = window.square().expand(hops, WINDOW)
    length = (hops - 1) * HOP + WINDOW
    both = torch.stack([pieces, weights]).transpose(1, 2)
    summed = functional.fold(both, (1, length), (1, WINDOW), stride=(1, HOP))[:, 0, 0]
    start = WINDOW // 2 - HOP // 2
    signal, weight = summed[:, start : start + hops * HOP]
    return signal / weight.clamp_min(0.3)


def _with_envelope(audio: Tensor, features: Tensor) -> Tensor:
    """Give (2, T) the sub-frame energies that the frames ask for, band by band."""
    wanted = features[:, LAYOUT.envelope].unflatten(-1, (2, SUBFRAMES)).permute(1, 0, 2).flatten(1)
    wanted = (torch.exp(wanted * 5.0 - 9.0) - ENERGY_FLOOR).clamp_min(0)
    bands = split_bands(audio)
    have = subframe_energy(bands[None])[0]
    gain = ((wanted + ENERGY_FLOOR) / (have + ENERGY_FLOOR)).sqrt().clamp(0.01, MOST_GAIN)
    gain = functional.interpolate(gain[None], scale_factor=SUBFRAME, mode="linear")[0]
    return (bands * gain).sum(1)
