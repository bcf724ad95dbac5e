"""Strings that are struck or plucked with a body behind them: pianos and guitars."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.corpus.synthesis.envelopes import attack, fall, gate
from engine.corpus.synthesis.filters import Spectrum, band, bandpass, low, lowpass
from engine.corpus.synthesis.oscillators import modes
from engine.corpus.synthesis.patch import Instrument, Patch, between
from engine.corpus.synthesis.room import to_stereo


def partials(patch: Patch, count: int, stiffness: float) -> Tensor:
    """Frequencies of a stiff string's modes, (B, count); the first is exactly the note."""
    number = torch.arange(1, count + 1, device=patch.device).unsqueeze(0).float()
    stretch = ((1 + stiffness * number**2) / (1 + stiffness)) ** 0.5
    return patch.hertz * number * stretch


def piano(patch: Patch) -> Tensor:
    """Hammer on two strings: a quick first decay, a slow second one, the wood's knock."""
    time = patch.time()
    pitches = partials(patch, 24, 3.5e-4)
    number = torch.arange(1, 25, device=patch.device).unsqueeze(0).float()
    hammer = torch.sin(torch.pi * number / 8.3).abs() + 0.08
    # Brightness is how hard the hammer is: how high it still excites the string.
    reach = between(700.0, 7000.0, patch.brightness)
    levels = hammer / number**0.7 / (1 + (pitches / reach) ** 2)
    low_ring = (260.0 / patch.hertz).clamp(0.25, 3.0) ** 0.5
    ring = between(0.12, 1.0, patch.decay) * low_ring / (1 + 0.09 * (number - 1))
    first = modes(pitches, 0.45 * ring, levels, time, patch.rate)
    second = modes(pitches[:, :10] * 1.0004, 1.8 * ring[:, :10], levels[:, :10], time, patch.rate)
    knock = bandpass(patch.noise() * fall(time, 0.012), patch.rate, 240.0, 0.7)
    sound = (first + 0.35 * second + 0.25 * knock) * attack(time, 0.0012)
    sound = sound * gate(time, (patch.seconds - 0.15).clamp(min=0.2), 0.04)
    # High strings are on the player's right.
    side = (0.2 * torch.log2(patch.hertz / 260.0)).clamp(-0.35, 0.35)
    return torch.stack([sound * (1 - side), sound * (1 + side)], dim=1)


BODY = ((105.0, 6.0, 0.8), (205.0, 5.0, 0.6), (410.0, 4.0, 0.4), (2400.0, 1.0, 0.25))


def _pluck(patch: Patch, shortest: float, longest: float, place: Tensor) -> Tensor:
    """A string plucked at `place` (0..0.5 of its length): (B, T)."""
    number = torch.arange(1, 33, device=patch.device).unsqueeze(0).float()
    levels = torch.sin(torch.pi * number * place).abs() / number
    levels = levels * between(0.68, 1.0, patch.brightness) ** (number - 1)
    ring = between(shortest, longest, patch.decay) * (220.0 / patch.hertz).clamp(0.4, 2.0) ** 0.3
    ring = ring / (1 + 0.1 * (number - 1) * (1.3 - patch.brightness))
    return modes(partials(patch, 32, 4e-5), ring, levels, patch.time(), patch.rate)


def acoustic_guitar(patch: Patch) -> Tensor:
    """A string over a wooden box, and the finger or the plectrum."""
    time = patch.time()
    sound = _pluck(patch, 0.08, 0.9, patch.uniform(0.12, 0.3))
    scratch = patch.noise() * fall(time, 0.004) * (0.05 + 0.25 * patch.brightness)
    spectrum = Spectrum(sound + scratch, patch.rate)
    response = low(spectrum.hertz, between(3000.0, 15000.0, patch.brightness))
    for centre, q, level in BODY:
        response = response + level * band(spectrum.hertz, centre, q)
    return to_stereo(spectrum.filter(response) * attack(time, 0.001))


def electric_guitar(patch: Patch) -> Tensor:
    """A string over a pickup, a hot amplifier and its loudspeaker."""
    sound = _pluck(patch, 0.12, 1.6, patch.uniform(0.08, 0.2))
    sound = sound / sound.abs().amax(-1, keepdim=True).clamp(min=1e-6)
    hot = torch.tanh(sound * between(1.5, 6.0, patch.brightness))
    sound = lowpass(hot, patch.rate, between(1800.0, 5500.0, patch.brightness), 1.2)
    return to_stereo(sound * attack(patch.time(), 0.0012))


def muted_guitar(patch: Patch) -> Tensor:
    """The palm on the string: a short, dark pluck."""
    time = patch.time()
    sound = _pluck(patch, 0.025, 0.16, patch.uniform(0.1, 0.2))
    thud = lowpass(patch.noise() * fall(time, 0.008), patch.rate, 600.0)
    mixed = sound / sound.abs().amax(-1, keepdim=True).clamp(min=1e-6) + 0.2 * thud
    return to_stereo(mixed * attack(time, 0.001))


def plucked_bass(patch: Patch) -> Tensor:
    """A thick string under a finger, and its low box or pickup."""
    sound = _pluck(patch, 0.12, 0.9, patch.uniform(0.12, 0.25))
    sound = sound / sound.abs().amax(-1, keepdim=True).clamp(min=1e-6)
    finger = lowpass(patch.noise() * fall(patch.time(), 0.006), patch.rate, 900.0)
    top = between(500.0, 4500.0, patch.brightness)
    return to_stereo(lowpass(sound + 0.1 * finger, patch.rate, top) * attack(patch.time(), 0.002))


STRINGED: dict[str, Instrument] = {
    "bass plucked": plucked_bass,
    "keys piano": piano,
    "guitar acoustic": acoustic_guitar,
    "guitar electric": electric_guitar,
    "guitar muted": muted_guitar,
}
