"""Filters applied in the frequency domain, all causal, for whole batches. Training process."""

from __future__ import annotations

import torch
from torch import Tensor

PADDING = 4096  # room for a filter's ring, so that the end does not wrap to the start


def fast_length(frames: int) -> int:
    """Return the next length of 2^k, 3*2^k or 5*2^k: quick for any FFT."""
    power = 1
    while power < frames:
        power *= 2
    options = (power, power * 3 // 4, power * 5 // 8)
    return min(length for length in options if length >= frames)


class Spectrum:
    """The spectrum of (..., T) signals, and the frequency axis that filters are written in."""

    def __init__(self, signal: Tensor, rate: int) -> None:
        self.frames = signal.shape[-1]
        self.length = fast_length(self.frames + PADDING)
        self.rate = rate
        self.bins = torch.fft.rfft(signal, n=self.length)
        axis = torch.arange(self.bins.shape[-1], device=signal.device) * (rate / self.length)
        self.hertz = axis.float()

    def filter(self, response: Tensor) -> Tensor:
        """Return the signals through a response (..., F), at their own length."""
        sound: Tensor = torch.fft.irfft(self.bins * response, n=self.length)
        return sound[..., : self.frames]


def low(hertz: Tensor, cutoff: Tensor | float, q: Tensor | float = 0.707) -> Tensor:
    """Two-pole low-pass response; complex, like the analog filter."""
    s = 1j * (hertz / cutoff)
    return torch.reciprocal(1 + s / q + s * s)


def high(hertz: Tensor, cutoff: Tensor | float, q: Tensor | float = 0.707) -> Tensor:
    """Two-pole high-pass response."""
    s = 1j * (hertz / cutoff)
    return s * s / (1 + s / q + s * s)


def band(hertz: Tensor, centre: Tensor | float, q: Tensor | float = 1.0) -> Tensor:
    """Two-pole band-pass response, 1 at the centre."""
    s = 1j * (hertz / centre)
    return (s / q) / (1 + s / q + s * s)


def lowpass(signal: Tensor, rate: int, cutoff: Tensor | float, q: Tensor | float = 0.707) -> Tensor:
    """Signals (B, T) through a two-pole low-pass; `cutoff` is a number or (B, 1)."""
    spectrum = Spectrum(signal, rate)
    return spectrum.filter(low(spectrum.hertz, cutoff, q))


def highpass(
    signal: Tensor, rate: int, cutoff: Tensor | float, q: Tensor | float = 0.707
) -> Tensor:
    """Signals (B, T) through a two-pole high-pass."""
    spectrum = Spectrum(signal, rate)
    return spectrum.filter(high(spectrum.hertz, cutoff, q))


def bandpass(signal: Tensor, rate: int, centre: Tensor | float, q: Tensor | float = 1.0) -> Tensor:
    """Signals (B, T) through a two-pole band-pass."""
    spectrum = Spectrum(signal, rate)
    return spectrum.filter(band(spectrum.hertz, centre, q))


def sweep_filter(
    signal: Tensor,
    rate: int,
    cutoff: Tensor,
    q: Tensor | float = 0.707,
    shape: str = "low",
    steps: int = 10,
) -> Tensor:
    """Filter by a moving cutoff (B, T) in hertz: a bank of still filters, faded between.

    The bank spans each item's own range in `steps` equal ratios, so a small sweep is a fine one.
    """
    response = {"low": low, "high": high, "band": band}[shape]
    bottom = cutoff.amin(-1, keepdim=True).clamp(min=20.0)
    top = torch.maximum(cutoff.amax(-1, keepdim=True), bottom * 1.01)
    place = torch.log(cutoff.clamp(min=20.0) / bottom) / torch.log(top / bottom) * (steps - 1)
    spectrum = Spectrum(signal, rate)
    total = torch.zeros_like(signal)
    for step in range(steps):
        still = bottom * (top / bottom) ** (step / (steps - 1))
        weight = (1 - (place - step).abs()).clamp(min=0)
        total += weight * spectrum.filter(response(spectrum.hertz, still, q))
    return total
