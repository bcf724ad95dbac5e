"""Hats, cymbals, bells and shakers: metal and air. Training process."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.corpus.synthesis.envelopes import attack, fall
from engine.corpus.synthesis.filters import Spectrum, bandpass, high, low
from engine.corpus.synthesis.oscillators import metal, modes
from engine.corpus.synthesis.patch import Instrument, Patch, between
from engine.corpus.synthesis.room import to_stereo

SQUARES = {  # six oscillators, as in the circuits; the acoustic row is a struck plate
    "808": (205.3, 304.4, 369.6, 522.7, 540.0, 800.0),
    "606": (245.0, 306.0, 365.0, 415.0, 437.0, 619.0),
    "909": (317.0, 463.0, 521.0, 743.0, 892.0, 1217.0),
    "acoustic": (343.0, 517.0, 871.0, 1123.0, 1511.0, 1873.0),
}
HISS = {"808": 0.25, "606": 0.3, "909": 0.8, "acoustic": 1.1}
CORNER = {"808": 7000.0, "606": 7400.0, "909": 6000.0, "acoustic": 4800.0}


def plate(patch: Patch, corner: Tensor, top: Tensor) -> Tensor:
    """The steady metal sound of all cymbals, between `corner` and `top` hertz: (B, 2, T)."""
    squares = metal(patch.table(SQUARES) * patch.uniform(0.94, 1.07), patch.frames, patch.rate)
    share = patch.lookup(HISS).unsqueeze(-1)
    both = squares.unsqueeze(1) + share * patch.noise(2)
    spectrum = Spectrum(both, patch.rate)
    edge = high(spectrum.hertz, corner, 0.9)
    sound = spectrum.filter((edge * edge * low(spectrum.hertz, top)).unsqueeze(1))
    mid = sound.mean(1, keepdim=True)
    sound = mid + 0.35 * (sound - mid)
    return sound / sound.square().mean((1, 2), keepdim=True).sqrt().clamp(min=1e-6)


def _hat(patch: Patch, ring: Tensor) -> Tensor:
    time = patch.time()
    corner = patch.lookup(CORNER) * between(0.62, 1.25, patch.brightness)
    sound = plate(patch, corner, between(7500.0, 19000.0, patch.brightness))
    level = fall(time, ring) + 0.5 * fall(time, 0.006)
    return sound * (level * attack(time, 0.0005)).unsqueeze(1)


def closed_hat(patch: Patch) -> Tensor:
    """Metal, cut short: 8 to 70 ms."""
    return _hat(patch, between(0.008, 0.07, patch.decay))


def open_hat(patch: Patch) -> Tensor:
    """Metal, left to ring: 0.1 to 0.5 s."""
    return _hat(patch, between(0.1, 0.5, patch.decay))


def crash(patch: Patch) -> Tensor:
    """A burst over the whole band; the top fades first, the low shimmer last."""
    time = patch.time()
    ring = between(0.18, 1.1, patch.decay)
    total = torch.zeros(patch.size, 2, patch.frames, device=patch.device)
    tilt = patch.brightness - 0.5
    for corner, top, share, level in (
        (300.0, 1500.0, 0.45, 0.35),
        (1800.0, 5000.0, 1.0, 0.8),
        (5000.0, 18000.0, 0.7, 1.0),
    ):
        still = torch.ones_like(ring)
        part = plate(patch, still * corner, still * top)
        gain = level * (corner / 1800.0) ** (1.2 * tilt)
        total += part * (gain * fall(time, ring * share)).unsqueeze(1)
    splash = 1 + 0.8 * fall(time, 0.03)
    return total * (splash * attack(time, 0.0015)).unsqueeze(1)


def ride(patch: Patch) -> Tensor:
    """A stick's ping on many modes, over a quiet wash."""
    time = patch.time()
    ring = between(0.2, 1.0, patch.decay)
    spread = patch.uniform(0.0, 1.0, 14)
    pitches = 520.0 * (9000.0 / 520.0) ** spread
    tilt = 0.9 - 1.1 * patch.brightness
    levels = patch.uniform(0.4, 1.0, 14) * (pitches / 2500.0) ** (-tilt)
    ping = modes(pitches, ring * patch.uniform(0.3, 1.0, 14), levels, time, patch.rate)
    ping = ping / ping.abs().amax(-1, keepdim=True).clamp(min=1e-6)
    corner = between(2200.0, 5500.0, patch.brightness)
    wash = plate(patch, corner, between(7000.0, 18000.0, patch.brightness))
    wash = wash * (0.10 * fall(time, ring) + 0.12 * fall(time, 0.02)).unsqueeze(1)
    return to_stereo(ping * attack(time, 0.0006)) * 0.6 + wash


def cowbell(patch: Patch) -> Tensor:
    """Two square waves through a band-pass, as in the circuit; or the modes of a real bell."""
    time = patch.time()
    tune = patch.uniform(0.93, 1.1)
    ring = between(0.03, 0.25, patch.decay)
    level = 0.6 * fall(time, 0.012) + fall(time, ring)
    pair = torch.tensor([[540.0, 800.0]], device=patch.device) * tune
    circuit = metal(pair, patch.frames, patch.rate)
    centre = between(700.0, 2600.0, patch.brightness)
    circuit = bandpass(circuit, patch.rate, centre, 0.9) * level
    ratios = torch.tensor([[1.0, 1.51, 2.67, 3.98, 5.3]], device=patch.device)
    levels = between(0.25, 0.85, patch.brightness) ** torch.arange(5, device=patch.device)
    real = modes(587.0 * tune * ratios, ring * ratios**-0.4, levels, time, patch.rate)
    chosen = patch.lookup({"808": 1.0, "acoustic": 0.0})
    return to_stereo((chosen * circuit + (1 - chosen) * real) * attack(time, 0.0005))


def shaker(patch: Patch) -> Tensor:
    """Grains thrown forward: noise that swells and stops."""
    time = patch.time()
    swell = between(0.006, 0.05, patch.decay) * patch.lookup({"808": 0.5, "acoustic": 1.0})
    level = attack(time, swell) * fall(time - swell, swell * 0.7 + 0.008)
    level = torch.where(time < swell, attack(time, swell) ** 2, level)
    spectrum = Spectrum(patch.noise(), patch.rate)
    corner = between(2600.0, 6500.0, patch.brightness)
    top = between(6500.0, 18000.0, patch.brightness)
    sound = spectrum.filter(high(spectrum.hertz, corner, 1.2) * low(spectrum.hertz, top))
    return to_stereo(sound * level)


CYMBALS: dict[str, Instrument] = {
    "closed hat": closed_hat,
    "open hat": open_hat,
    "crash": crash,
    "ride": ride,
    "cowbell": cowbell,
    "shaker": shaker,
}
