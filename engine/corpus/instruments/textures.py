"""Beds of sound without an end: noise, water, weather, fire, vinyl, drones. Training process."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.corpus.synthesis.envelopes import attack
from engine.corpus.synthesis.filters import (
    Spectrum,
    band,
    bandpass,
    high,
    low,
    lowpass,
    sweep_filter,
)
from engine.corpus.synthesis.grains import coloured_noise, scatter, wander
from engine.corpus.synthesis.oscillators import cycles, periodic, saw_harmonics
from engine.corpus.synthesis.patch import TAU, Instrument, Patch, between
from engine.corpus.synthesis.room import chorus


def _starts(patch: Patch, per_second: float, most: int = 1200) -> Tensor:
    """Random moments over the length, (B, N): about `per_second` of them each second."""
    length = patch.frames / patch.rate
    count = max(4, min(most, int(per_second * length)))
    return patch.uniform(0.0, 1.0, count) * length


def _clicks(patch: Patch, per_second: float, milliseconds: float, spread: float) -> Tensor:
    """Bursts of noise at random moments; levels are very uneven (`spread` in e-folds): (B, T)."""
    starts = _starts(patch, per_second)
    length = int(6 * milliseconds / 1000 * patch.rate) + 2
    time = torch.arange(length, device=patch.device) / patch.rate
    shape = (patch.size, starts.shape[1], length)
    bursts = torch.randn(shape, generator=patch.generator, device=patch.device)
    decays = milliseconds / 1000 * patch.uniform(0.4, 1.4, starts.shape[1])
    levels = torch.exp(-spread * patch.uniform(0, 1, starts.shape[1]))
    grains = bursts * torch.exp(-time / decays.unsqueeze(-1)) * levels.unsqueeze(-1)
    return scatter(grains, starts, patch.frames, patch.rate)


def _sides(patch: Patch, left: Tensor, right: Tensor, width: float = 0.6) -> Tensor:
    """Two unlike signals (B, T) as a stereo bed with a soft start."""
    mid = 0.5 * (left + right)
    stereo = torch.stack([mid + width * (left - mid), mid + width * (right - mid)], dim=1)
    stereo = stereo * attack(patch.time(), 0.012).unsqueeze(1)
    # Rare loud cracks would leave the bed inaudible at a peak of 1: they are bent, not cut.
    level: Tensor = stereo.square().mean((1, 2), keepdim=True)
    return torch.tanh(stereo / (5.0 * level.sqrt().clamp(min=1e-6)))


def unit(signal: Tensor) -> Tensor:
    """The signal at a deviation of 1."""
    return signal / signal.std(-1, keepdim=True).clamp(min=1e-6)


def noise(patch: Patch) -> Tensor:
    """White, pink or brown noise, shaped by brightness."""
    slope = {"white": 0.0, "pink": 3.01, "brown": 6.02}[patch.variants[0]]
    bed = coloured_noise(patch, slope, 2)
    top = between(1500.0, 20000.0, patch.brightness)
    left, right = (lowpass(bed[:, side], patch.rate, top) for side in range(2))
    return _sides(patch, left, right, 1.0)


def water(patch: Patch) -> Tensor:
    """A stream: hundreds of bubbles, each a rising sine (Minnaert 1933), over a quiet rush."""
    sides = []
    for _ in range(2):
        rate = {"stream": 90.0, "drip": 5.0, "bubbles": 28.0}[patch.variants[0]]
        starts = _starts(patch, rate)
        count = starts.shape[1]
        time = torch.arange(int(0.09 * patch.rate), device=patch.device) / patch.rate
        centre = between(380.0, 1900.0, patch.brightness)
        hertz = (centre * 2 ** patch.uniform(-1.2, 1.2, count)).unsqueeze(-1)
        decay = (6.5 / hertz).clamp(0.002, 0.022)
        rise = 1 + patch.uniform(0.5, 4.0, count).unsqueeze(-1) * time
        level = torch.exp(-2.5 * patch.uniform(0, 1, count)).unsqueeze(-1)
        grains = level * torch.sin(TAU * hertz * rise * time) * torch.exp(-time / decay)
        grains = grains * attack(time, 0.0008)
        sides.append(scatter(grains, starts, patch.frames, patch.rate))
    rush = bandpass(patch.noise(), patch.rate, between(500.0, 2600.0, patch.brightness), 0.6)
    share = {"stream": 0.2, "drip": 0.0, "bubbles": 0.03}[patch.variants[0]]
    rush = share * rush * (1 + 0.3 * wander(patch, 2.0))
    return _sides(patch, sides[0] + rush, sides[1] + rush, 0.7)


def rain(patch: Patch) -> Tensor:
    """Drops beyond counting: hiss, and single drops near by."""
    sides = []
    for _ in range(2):
        drops = _clicks(patch, 160.0, 2.2, 3.0)
        centre = between(1200.0, 6000.0, patch.brightness)
        spectrum = Spectrum(0.22 * patch.noise() + drops, patch.rate)
        shape = 0.7 * band(spectrum.hertz, centre, 0.5) + 0.5 * high(spectrum.hertz, centre)
        shape = shape * low(spectrum.hertz, between(5000.0, 18000.0, patch.brightness))
        sides.append(unit(spectrum.filter(shape)))
    return _sides(patch, sides[0], sides[1], 0.9)


def sea(patch: Patch) -> Tensor:
    """Waves that swell, break and draw back."""
    time = patch.time()
    period = patch.uniform(3.5, 7.0)
    turn = ((time / period) + patch.uniform(0, 1)) % 1.0
    swell = torch.where(turn < 0.35, attack(turn, 0.35), (1 - (turn - 0.35) / 0.65) ** 1.6)
    bed = coloured_noise(patch, 3.5, 2)
    edge = between(350.0, 3800.0, patch.brightness) * 2 ** (2.0 * swell - 0.6)
    sides = [
        sweep_filter(bed[:, side], patch.rate, edge.clamp(max=16000.0), 0.7, steps=8)
        for side in range(2)
    ]
    level = 0.22 + swell
    return _sides(patch, sides[0] * level, sides[1] * level, 0.9)


def wind(patch: Patch) -> Tensor:
    """Noise whose pitch and strength wander; a whistle in the gusts."""
    gust = 0.5 + 0.35 * wander(patch, 0.35)
    centre = between(180.0, 900.0, patch.brightness) * 2 ** (0.9 * (gust - 0.5))
    bed = coloured_noise(patch, 1.5, 2)
    level = gust.clamp(0.2, 1.4) ** 1.4
    sides = []
    # One whistle for both sides: it comes from one edge, and a narrow sweep is dear.
    whistle = sweep_filter(bed[:, 0], patch.rate, 2.9 * centre, 9.0, "band", steps=14)
    for side in range(2):
        body = sweep_filter(bed[:, side], patch.rate, centre, 1.6, "band", steps=7)
        sides.append((body + (0.15 + 0.5 * patch.brightness) * whistle) * level)
    return _sides(patch, sides[0], sides[1], 0.7)


def fire(patch: Patch) -> Tensor:
    """A low roar, a hiss, and wood that cracks in clusters."""
    sides = []
    roar = lowpass(coloured_noise(patch, 6.0), patch.rate, between(160.0, 700.0, patch.brightness))
    roar = unit(roar) * (1 + 0.35 * wander(patch, 5.0))
    top = between(2500.0, 15000.0, patch.brightness)
    for _ in range(2):
        cracks = _clicks(patch, 26.0, 1.6, 4.5) + 0.5 * _clicks(patch, 110.0, 0.5, 4.0)
        snaps = _clicks(patch, 1.6, 7.0, 1.0)
        spectrum = Spectrum(1.5 * cracks + snaps, patch.rate)
        loud = spectrum.filter(low(spectrum.hertz, top) * high(spectrum.hertz, 500.0))
        sides.append(1.1 * loud)
    hiss = bandpass(patch.noise(), patch.rate, 0.4 * top, 0.6) * 0.02
    bed = 0.07 * roar + hiss
    return _sides(patch, sides[0] + bed, sides[1] + bed, 0.6)


def vinyl(patch: Patch) -> Tensor:
    """Dust and scratches on a record: ticks, rare pops, surface noise, rumble of the motor."""
    turn = 1 + 0.3 * torch.sin(TAU * (0.5556 * patch.time() + patch.uniform(0, 1)))
    top = between(3000.0, 15000.0, patch.brightness)
    sides = []
    rumble = 0.02 * unit(lowpass(coloured_noise(patch, 6.0), patch.rate, 90.0))
    for _ in range(2):
        ticks = _clicks(patch, 45.0, 0.25, 4.0) + _clicks(patch, 2.5, 0.9, 1.5)
        surface = 0.018 * coloured_noise(patch, 2.0) * turn
        sides.append(lowpass(ticks + surface, patch.rate, top) + rumble)
    return _sides(patch, sides[0], sides[1], 0.5)


def drone(patch: Patch) -> Tensor:
    """A note that never moves on: octaves and a fifth of saws, slowly opening and closing."""
    total = torch.zeros(patch.size, patch.frames, device=patch.device)
    for ratio, level in ((1.0, 1.0), (2.0, 0.5), (3.0, 0.25)):
        hertz = patch.hertz * ratio
        for cents in (-4.0, 4.0):
            phase = cycles(hertz * 2 ** (cents / 1200), patch.rate, patch.frames)
            shifted = (phase + patch.uniform(0, 1)) % 1.0
            total += level * periodic(saw_harmonics(hertz), shifted)
    edge = between(220.0, 5000.0, patch.brightness) * 2 ** (0.6 * wander(patch, 0.25))
    edge = torch.maximum(edge, 1.5 * patch.hertz.expand_as(edge))
    sound = sweep_filter(total, patch.rate, edge.clamp(max=16000.0), 1.2, steps=8)
    return chorus(sound, patch, 0.002) * attack(patch.time(), 0.08).unsqueeze(1)


def birds(patch: Patch) -> Tensor:
    """Chirps: short whistles that bend, in small groups."""
    sides = []
    for _ in range(2):
        starts = _starts(patch, 5.0)
        starts = torch.cat([starts, starts + 0.13, starts + 0.26], dim=1)
        count = starts.shape[1]
        time = torch.arange(int(0.11 * patch.rate), device=patch.device) / patch.rate
        hertz = between(2200.0, 4600.0, patch.brightness) * 2 ** patch.uniform(-0.3, 0.4, count)
        bend = patch.uniform(-9000.0, 9000.0, count).unsqueeze(-1)
        phase = hertz.unsqueeze(-1) * time + 0.5 * bend * time**2
        level = torch.sin(torch.pi * time / time[-1]) ** 2
        loud = torch.exp(-2.5 * patch.uniform(0, 1, count)).unsqueeze(-1)
        sides.append(
            scatter(torch.sin(TAU * phase) * level * loud, starts, patch.frames, patch.rate)
        )
    air = 0.01 * coloured_noise(patch, 3.0)
    return _sides(patch, sides[0] + air, sides[1] + air, 0.8)


TEXTURES: dict[str, Instrument] = {
    "noise white": noise,
    "noise pink": noise,
    "noise brown": noise,
    "water stream": water,
    "water drip": water,
    "water bubbles": water,
    "rain": rain,
    "sea": sea,
    "wind": wind,
    "fire": fire,
    "vinyl": vinyl,
    "drone": drone,
    "birds": birds,
}
