"""Phase-free spectral frames of stereo sound. Needs torch.

A frame covers 1024 samples and says, without any absolute phase: the magnitudes of two short-time
spectra, how far each bin's frequency lies from the bin's centre (the phase derivative, as in the
phase vocoder), how noise-like each band is, the energy of 8 sub-frames in two bands, and where the
sound lies between left and right. A steady tone is a constant sequence of frames whatever its
phase, which is what makes pitch easy for a flow model.

There are two formats. ONE_WINDOW holds spectra of one window, in which two notes a third apart are
one beating peak below 400 Hz. TWO_WINDOWS holds those of a window twice as long below SPLIT_HZ,
and smooths sub-frame energies only where there is no edge. `spectral_synthesis` turns either back
into sound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
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
ANTI_PHASE = 100.0
"""How far the side's energy must lie above the mid's for a bin's frequency to be read off it."""
LOW_WINDOW = 4096
"""Its main lobe is 43 Hz wide: a minor third on A2 is 21 Hz, a major one 29."""
SPLIT_HZ = 350.0
EDGE_RATIO = 20.0
"""Sub-frames that differ by more, 13 dB, are an edge, which smoothing would smear by 4 ms."""


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


@dataclass(frozen=True, slots=True)
class FrameFormat:
    """Which spectra a frame holds.

    Its first `low_bins` bins are those of LOW_WINDOW from 0 Hz on, the others those of WINDOW from
    `first_bin` on; `bins` and `tonal_bins` count both. Sub-frame energies are of what lies below
    and above `split_hz`, with a crossover of `split_octaves`.
    """

    name: str
    low_bins: int
    first_bin: int
    split_hz: float
    split_octaves: float
    keeps_edges: bool
    bins: int
    tonal_bins: int
    layout: FrameLayout


def _format(
    name: str, low_bins: int, first_bin: int, split: tuple[float, float], *, keeps_edges: bool
) -> FrameFormat:
    bins, tonal_bins = low_bins + BINS - first_bin, low_bins + TONAL_BINS - first_bin
    sizes = (
        2 * bins,
        2 * tonal_bins,
        2 * NOISE_BANDS,
        2 * SUBFRAMES,
        STEREO_BANDS,
        STEREO_BANDS,
    )
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    a, b, c, d, e, f = (slice(end - size, end) for end, size in zip(ends, sizes, strict=True))
    layout = FrameLayout(a, b, c, d, e, f, ends[-1])
    return FrameFormat(name, low_bins, first_bin, *split, keeps_edges, bins, tonal_bins, layout)


ONE_WINDOW = _format("one-window", 0, 0, (ENVELOPE_SPLIT_HZ, 1.0), keeps_edges=False)
# Both spectra reach two bins beyond the crossover, and the counts differ by a multiple of 16, so
# that all bins but the last can be averaged by up to 16.
TWO_WINDOWS = _format("two-windows", 57, 9, (SPLIT_HZ, 1.0), keeps_edges=True)
FORMATS = {form.name: form for form in (ONE_WINDOW, TWO_WINDOWS)}
LAYOUT = ONE_WINDOW.layout


def bin_positions(form: FrameFormat) -> Tensor:
    """Return where each of a format's bins lies (form.bins,), counted in bins of WINDOW."""
    low = torch.arange(form.low_bins) * (WINDOW / LOW_WINDOW)
    return torch.cat([low, torch.arange(form.first_bin, BINS).float()])


def bins_of_format(values: Tensor, form: FrameFormat) -> Tensor:
    """Bring values at the bins of WINDOW (..., BINS) to those of a format (..., form.bins)."""
    if not form.low_bins:
        return values
    return torch.cat([_low_bins_of(values, form), values[..., form.first_bin :]], dim=-1)


def _low_bins_of(values: Tensor, form: FrameFormat) -> Tensor:
    bins = torch.arange(form.low_bins, device=values.device)
    return (values[..., bins // 2] + values[..., (bins + 1) // 2]) / 2


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


def _spectra(audio: Tensor, frames: int, size: int) -> Tensor:
    """STFT (B, 2, size / 2 + 1, 2 * frames + 1): frame 0 lies one hop before the sound.

    Windows of all sizes have the same centres.
    """
    left = size // 2 - HOP // 2 + HOP
    hops = 2 * frames + 1
    right = (hops - 1) * HOP + size - left - audio.shape[-1]
    padded = functional.pad(audio, (left, right))
    window = torch.hann_window(size, device=audio.device)
    batch, channels, samples = padded.shape
    spectra = torch.stft(
        padded.reshape(batch * channels, samples),
        size,
        HOP,
        window=window,
        center=False,
        return_complex=True,
    )
    return spectra.reshape(batch, channels, size // 2 + 1, hops)


def _wrapped(phase: Tensor) -> Tensor:
    return phase - 2 * math.pi * torch.round(phase / (2 * math.pi))


def _advance(spectra: Tensor) -> Tensor:
    """How far each bin's phase turns from hop to hop: (B, 2, BINS, hops) to (B, BINS, hops - 1).

    It is the mid's; a bin in anti-phase has no mid to speak of and is told by its side.
    """
    mid, side = spectra.sum(1), spectra[:, 0] - spectra[:, 1]
    steps = [part[..., 1:] * part[..., :-1].conj() for part in (mid, side)]
    return torch.where(steps[1].abs() > ANTI_PHASE * steps[0].abs(), steps[1], steps[0]).angle()


def _turns(spectra: Tensor, size: int) -> Tensor:
    """How far each bin's phase turns beyond that of its centre: (B, bins, hops) of 0 ± pi."""
    bins = torch.arange(spectra.shape[2], device=spectra.device)
    expected = 2 * math.pi * HOP / size * bins[:, None]
    return _wrapped(_advance(spectra) - expected)


def _deviations(turn: Tensor, size: int) -> Tensor:
    deviation = turn * size / (2 * math.pi * HOP)
    return deviation.clamp(-LARGEST_DEVIATION, LARGEST_DEVIATION)


def _noise(turn: Tensor, magnitude: Tensor) -> Tensor:
    """Noise 0..1 by bands (B, NOISE_BANDS, hops) of turns and magnitudes at the bins of WINDOW."""
    change = functional.pad(_wrapped(turn[..., 1:] - turn[..., :-1]).abs() / math.pi, (1, 1))
    change[..., 0], change[..., -1] = change[..., 1], change[..., -2]
    unsteady = torch.minimum(change[..., :-1], change[..., 1:])
    # Peaks decide: between two partials the phase wanders, but that is not noise.
    energy = (magnitude.square() + FLOOR**2).square()
    bands = band_matrix(NOISE_BANDS, turn.device)
    noise = torch.einsum("nk,bkt->bnt", bands, unsteady * energy)
    return noise / torch.einsum("nk,bkt->bnt", bands, energy)


def low_pass(audio: Tensor, form: FrameFormat, step: int = 1) -> Tensor:
    """Return what lies below form.split_hz of (..., T), or of every `step`-th sample of it."""
    samples = audio.shape[-1] * step
    size = 1 << (samples + 4096 - 1).bit_length()
    spectrum = torch.fft.rfft(audio, size // step)
    frequency = torch.arange(spectrum.shape[-1], device=audio.device) * (RATE_HZ / size)
    octaves = torch.log2(frequency.clamp_min(1.0) / form.split_hz) / form.split_octaves
    gain = 0.5 - 0.5 * torch.sin((octaves * math.pi).clamp(-math.pi / 2, math.pi / 2))
    # The inverse transform fills up what is missing with zeros: the samples in between.
    return torch.fft.irfft(spectrum * (gain * step), size)[..., :samples]


def split_bands(audio: Tensor, form: FrameFormat = ONE_WINDOW) -> Tensor:
    """Split (..., T) into (..., 2, T): below and above form.split_hz, summing to the input."""
    low = low_pass(audio, form)
    return torch.stack([low, audio - low], dim=-2)


def subframe_energy(bands: Tensor, form: FrameFormat = ONE_WINDOW) -> Tensor:
    """Mean energy of channels in sub-frames: (B, C, 2, T) to (B, 2, T / SUBFRAME), smoothed.

    Edges stay sharp where the format keeps them.
    """
    energy = bands.square().mean(1).unflatten(-1, (-1, SUBFRAME)).mean(-1)
    padded = functional.pad(energy, (1, 1), mode="replicate")
    smooth = 0.25 * padded[..., :-2] + 0.5 * padded[..., 1:-1] + 0.25 * padded[..., 2:]
    if not form.keeps_edges:
        return smooth
    around = torch.stack([padded[..., :-2], padded[..., 1:-1], padded[..., 2:]]) + ENERGY_FLOOR
    return torch.where(around.amax(0) > EDGE_RATIO * around.amin(0), energy, smooth)


def analyse(audio: Tensor, form: FrameFormat = ONE_WINDOW) -> Tensor:
    """Turn stereo sound (B, 2, T) into frames (B, frame_count(T), size), parts about -2..2.

    float32 in and out; T is padded with silence to whole frames. The size is form.layout's.
    """
    frames = frame_count(audio.shape[-1])
    audio = functional.pad(audio.float(), (0, frames * FRAME - audio.shape[-1]))
    spectra = _spectra(audio, frames, WINDOW)
    left, right = spectra[:, 0], spectra[:, 1]
    power = spectra.abs().square()
    magnitude = power.mean(1).sqrt()
    turn = _turns(spectra, WINDOW)
    deviation, noise = _deviations(turn, WINDOW), _noise(turn, magnitude[..., 1:])
    if form.low_bins:
        low = _spectra(audio, frames, LOW_WINDOW)[:, :, : form.low_bins]
        low_magnitude = low.abs().square().mean(1).sqrt() * (WINDOW / LOW_WINDOW)
        magnitude = torch.cat([low_magnitude, magnitude[:, form.first_bin :]], 1)
        low_deviation = _deviations(_turns(low, LOW_WINDOW), LOW_WINDOW)
        deviation = torch.cat([low_deviation, deviation[:, form.first_bin :]], 1)
    bands = band_matrix(STEREO_BANDS, audio.device)
    band_power = torch.einsum("nk,bckt->bcnt", bands, power[..., 1:]).unflatten(-1, (-1, 2)).sum(-1)
    cross = torch.einsum("nk,bkt->bnt", bands, (left * right.conj()).real[..., 1:])
    cross = cross.unflatten(-1, (-1, 2)).sum(-1)
    power_floor = FLOOR**2
    balance = torch.log((band_power[:, 0] + power_floor) / (band_power[:, 1] + power_floor))
    coherence = (cross + power_floor) / (band_power.prod(1).sqrt() + power_floor)
    envelope = subframe_energy(split_bands(audio, form), form)
    parts = [
        _by_frame(_scaled_magnitude(magnitude[..., 1:])),
        _by_frame(deviation[:, : form.tonal_bins]),
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


def mid_side_power(features: Tensor, form: FrameFormat = ONE_WINDOW) -> Tensor:
    """Power of mid and side (B, 2, hops, form.bins) that frames (B, L, size) stand for.

    With the floor in it, and neither below a hundredth of the whole: so its logarithm is smooth in
    the frames everywhere, also in the coherence of what is nearly mono.
    """
    layout = form.layout
    scaled = features[..., layout.magnitude].unflatten(-1, (2, form.bins)).flatten(1, 2)
    power = torch.exp(2 * (scaled.clamp(-2, 3) * 3.0 - 1.0))
    balance = features[..., layout.balance].clamp(-3, 3)
    coherence = (1 - (features[..., layout.coherence] + 0.5) / 2).clamp(-1, 1)
    # 2 sqrt(r) / (1 + r) of the ratio r = exp(2 * balance) is 1 / cosh(balance).
    common = interpolate_bands(coherence / torch.cosh(balance), STEREO_BANDS)
    common = bins_of_format(common, form).repeat_interleave(2, 1)[:, None]
    share = common * torch.tensor([[[1.0]], [[-1.0]]]).to(power)
    return power[:, None] * (0.01 + 0.98 * (1 + share) / 2) + FLOOR**2


def noise_by_bin(features: Tensor, form: FrameFormat = ONE_WINDOW) -> Tensor:
    """The noise part (B, hops, form.bins) of frames (B, L, size), as it is scaled there."""
    noise = features[..., form.layout.noise].unflatten(-1, (2, NOISE_BANDS)).flatten(1, 2)
    return bins_of_format(interpolate_bands(noise, NOISE_BANDS), form)


def interpolate_bands(values: Tensor, bands: int) -> Tensor:
    """(..., bands) to (..., BINS), each bin the weighted mean of the bands that cover it."""
    weights = band_matrix(bands, values.device)
    weights = weights / weights.amax(1, keepdim=True)
    total = weights.sum(0)
    first = int((total > 1e-3).nonzero()[0])
    last = int((total > 1e-3).nonzero()[-1])
    out = values @ (weights / total.clamp_min(1e-3))
    out[..., :first], out[..., last + 1 :] = values[..., :1], values[..., -1:]
    return out


def _by_frame(values: Tensor) -> Tensor:
    """(B, K, 2 * frames) to (B, frames, 2 * K): the first hop's values, then the second's."""
    return values.unflatten(-1, (-1, 2)).permute(0, 2, 3, 1).flatten(2)
