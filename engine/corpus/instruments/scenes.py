"""Small things that happen: glass, clocks, hearts, steps, hands, crickets. Training process."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.corpus.synthesis.envelopes import attack, fall
from engine.corpus.synthesis.filters import Spectrum, band, bandpass, high, highpass, low, lowpass
from engine.corpus.synthesis.grains import coloured_noise, scatter
from engine.corpus.synthesis.oscillators import cycles, sine
from engine.corpus.synthesis.patch import TAU, Instrument, Patch, between
from engine.corpus.synthesis.room import to_stereo


def grain_time(patch: Patch, seconds: float) -> Tensor:
    """Seconds since a grain's start, (T,)."""
    return torch.arange(int(seconds * patch.rate), device=patch.device) / patch.rate


def every(patch: Patch, period: Tensor, first: Tensor | float = 0.0) -> Tensor:
    """Moments `period` (B, 1) seconds apart over the length, (B, N); late ones fall off the end."""
    count = int(patch.frames / patch.rate / float(period.min())) + 1
    return first + period * torch.arange(count, device=patch.device).unsqueeze(0)


def in_time(starts: Tensor, patch: Patch) -> Tensor:
    """Moments past the end at the end, where nothing is heard of them."""
    return starts.clamp(max=patch.frames / patch.rate)


def glass(patch: Patch) -> Tensor:
    """Glass breaks: a crack, then shards that ring high and fall later and later."""
    time = grain_time(patch, 0.18)
    count = 60
    starts = patch.uniform(0, 1, count) ** 2.2 * between(0.25, 1.3, patch.decay)
    hertz = between(2200.0, 4600.0, patch.brightness) * 2 ** patch.uniform(-0.7, 1.4, count)
    ring = patch.uniform(0.01, 0.06, count).unsqueeze(-1)
    level = (patch.uniform(0.2, 1.0, count) / (1 + 6 * starts)).unsqueeze(-1)
    grains = level * torch.sin(TAU * ((hertz.unsqueeze(-1) * time) % 1.0))
    grains = grains * torch.exp(-time / ring) * attack(time, 0.0004)
    starts = torch.cat([starts[:, :1] * 0.0, starts[:, 1:]], dim=1)
    shards = scatter(grains, starts, patch.frames, patch.rate)
    crack = highpass(patch.noise() * fall(patch.time(), 0.025), patch.rate, 1800.0)
    return to_stereo(shards + 0.8 * crack)


def clock(patch: Patch) -> Tensor:
    """Tick, tock: two alike clicks in turn, half a second apart."""
    time = grain_time(patch, 0.06)
    starts = every(patch, torch.full_like(patch.seconds, 0.5))
    count = starts.shape[1]
    turn = (torch.arange(count, device=patch.device) % 2).float()
    hertz = between(1300.0, 3800.0, patch.brightness) * (1 - 0.2 * turn)
    tone = torch.sin(TAU * hertz.unsqueeze(-1) * time) * torch.exp(-time / 0.006)
    over = torch.sin(TAU * 2.76 * hertz.unsqueeze(-1) * time) * torch.exp(-time / 0.002)
    grains = (tone + 0.6 * over) * attack(time, 0.0003)
    return to_stereo(scatter(grains, in_time(starts, patch), patch.frames, patch.rate))


def heart(patch: Patch) -> Tensor:
    """Lub-dub, about seventy to the minute."""
    time = grain_time(patch, 0.22)
    period = patch.uniform(0.72, 1.0)
    starts = every(patch, period)
    both = torch.cat([starts, starts + 0.27], dim=1)
    hertz = between(45.0, 75.0, patch.brightness).unsqueeze(-1)
    level = torch.cat([torch.ones_like(starts), 0.7 * torch.ones_like(starts)], 1).unsqueeze(-1)
    phase = hertz * time + 0.9 * (1 - torch.exp(-time / 0.02))
    grains = level * torch.sin(TAU * phase) * torch.exp(-time / 0.055) * attack(time, 0.002)
    beats = scatter(grains, in_time(both, patch), patch.frames, patch.rate)
    return to_stereo(lowpass(beats, patch.rate, between(150.0, 900.0, patch.brightness)))


def steps(patch: Patch) -> Tensor:
    """Someone walks: heel and sole on a floor."""
    time = grain_time(patch, 0.12)
    starts = every(patch, patch.uniform(0.48, 0.62))
    count = starts.shape[1]
    shape = (patch.size, count, time.shape[0])
    bursts = torch.randn(shape, generator=patch.generator, device=patch.device)
    heel = bursts * torch.exp(-time / 0.006)
    sole = 0.4 * bursts * torch.exp(-(time - 0.05).clamp(min=0) / 0.02) * (time > 0.05)
    level = patch.uniform(0.7, 1.0, count).unsqueeze(-1)
    walk = scatter((heel + sole) * level, in_time(starts, patch), patch.frames, patch.rate)
    spectrum = Spectrum(walk, patch.rate)
    centre = between(220.0, 1500.0, patch.brightness)
    shaped = band(spectrum.hertz, centre, 0.9) + 0.5 * band(spectrum.hertz, 0.4 * centre, 2.0)
    return to_stereo(spectrum.filter(shaped))


def applause(patch: Patch) -> Tensor:
    """A hall full of hands."""
    sides = []
    length = patch.frames / patch.rate
    time = grain_time(patch, 0.02)
    for _ in range(2):
        count = max(8, min(900, int(150 * length)))
        shape = (patch.size, count, time.shape[0])
        bursts = torch.randn(shape, generator=patch.generator, device=patch.device)
        level = torch.exp(-2.5 * patch.uniform(0, 1, count)).unsqueeze(-1)
        starts = patch.uniform(0, 1, count) * length
        hands = scatter(bursts * torch.exp(-time / 0.004) * level, starts, patch.frames, patch.rate)
        centre = between(700.0, 2600.0, patch.brightness)
        sides.append(bandpass(hands, patch.rate, centre, 0.7))
    level = attack(patch.time(), 0.02).unsqueeze(1)
    stereo = torch.stack(sides, dim=1) * level
    loud: Tensor = stereo.square().mean((1, 2), keepdim=True)
    return torch.tanh(stereo / (4 * loud.sqrt().clamp(min=1e-6)))


def crickets(patch: Patch) -> Tensor:
    """A summer night: trains of high chirps, near and far, over quiet air."""
    time = patch.time()
    total = torch.zeros(patch.size, 2, patch.frames, device=patch.device)
    for _ in range(4):
        hertz = between(2900.0, 4800.0, patch.brightness) * patch.uniform(0.92, 1.08)
        pulse = torch.sin(torch.pi * patch.uniform(22.0, 34.0) * time).abs() ** 3
        train = (
            torch.sin(TAU * (patch.uniform(0.7, 1.6) * time + patch.uniform(0, 1))) > -0.2
        ) * 1.0
        soft = torch.nn.functional.avg_pool1d(train.unsqueeze(1), 441, 1, 220).squeeze(1)
        tone = sine(cycles(hertz, patch.rate, patch.frames)) * pulse * soft[:, : patch.frames]
        side = patch.uniform(-0.8, 0.8)
        pair = torch.stack([tone * (1 - side), tone * (1 + side)], dim=1)
        total += pair * patch.uniform(0.25, 1.0).unsqueeze(-1)
    air = 0.02 * coloured_noise(patch, 3.0, 2)
    return (total + air) * attack(time, 0.012).unsqueeze(1)


def shot(patch: Patch) -> Tensor:
    """A crack with a low punch, and the echo of the place."""
    time = patch.time()
    ring = between(0.04, 0.3, patch.decay)
    level = fall(time, 0.004) * 2 + fall(time, ring) * 0.6
    spectrum = Spectrum(patch.noise() * level, patch.rate)
    top = between(2500.0, 14000.0, patch.brightness)
    crack = spectrum.filter(low(spectrum.hertz, top) * high(spectrum.hertz, 120.0))
    punch = sine(cycles(60.0 + 160.0 * fall(time, 0.02).expand(patch.size, -1), patch.rate,
                        patch.frames))  # fmt: skip
    return to_stereo(torch.tanh(1.5 * crack) + 0.7 * punch * fall(time, 0.05))


SCENES: dict[str, Instrument] = {
    "glass": glass,
    "clock": clock,
    "heart": heart,
    "steps": steps,
    "applause": applause,
    "crickets": crickets,
    "shot": shot,
}
