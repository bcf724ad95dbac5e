"""Machines that run: engines, motors, fans, factories. Training process."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.corpus.instruments.scenes import every, grain_time, in_time
from engine.corpus.instruments.textures import unit
from engine.corpus.synthesis.envelopes import attack
from engine.corpus.synthesis.filters import bandpass, lowpass
from engine.corpus.synthesis.grains import coloured_noise, scatter, wander
from engine.corpus.synthesis.oscillators import cycles, periodic, sine
from engine.corpus.synthesis.patch import TAU, Instrument, Patch, between
from engine.corpus.synthesis.room import to_stereo


def _soften_attack(patch: Patch, sound: Tensor) -> Tensor:
    return to_stereo(sound * attack(patch.time(), 0.012))


def _harmonics(patch: Patch, count: int) -> Tensor:
    """Amplitudes 1, 1/2, 1/3 ... of (B, count) harmonics."""
    number = torch.arange(1, count + 1, device=patch.device).float()
    return (1 / number).expand(patch.size, -1)


def engine(patch: Patch) -> Tensor:
    """An engine idles: uneven explosions of its cylinders through an exhaust."""
    speed = patch.uniform(9.0, 26.0) * (1 + 0.02 * wander(patch, 1.5))
    turn = cycles(speed, patch.rate, patch.frames)
    firing = periodic(_harmonics(patch, 24) ** 0.5, (4 * turn) % 1.0)
    uneven = 1 + 0.35 * torch.sin(TAU * turn) + 0.15 * torch.sin(TAU * 2 * turn)
    exhaust = lowpass(firing * uneven, patch.rate, between(180.0, 1800.0, patch.brightness), 1.5)
    hiss = bandpass(patch.noise(), patch.rate, between(500.0, 3500.0, patch.brightness), 0.7)
    return _soften_attack(patch, exhaust + 0.1 * hiss * uneven)


def motor(patch: Patch) -> Tensor:
    """An electric motor: a hum of the mains, and a whine with the rotor's speed."""
    steep = between(3.0, 0.7, patch.brightness)
    mains = periodic(
        _harmonics(patch, 12) ** steep, cycles(patch.uniform(98.0, 122.0), patch.rate, patch.frames)
    )
    whine = cycles(
        between(500.0, 2800.0, patch.brightness) * (1 + 0.004 * wander(patch, 3.0)),
        patch.rate,
        patch.frames,
    )
    brushes = bandpass(patch.noise(), patch.rate, between(1500.0, 6000.0, patch.brightness), 0.8)
    return _soften_attack(patch, mains + 0.35 * sine(whine) + 0.06 * brushes)


def fan(patch: Patch) -> Tensor:
    """Air that blades cut into pieces."""
    air = lowpass(coloured_noise(patch, 4.0), patch.rate, between(900.0, 9000.0, patch.brightness))
    blades = sine(cycles(patch.uniform(12.0, 38.0), patch.rate, patch.frames))
    return _soften_attack(patch, 0.3 * unit(air) * (1 + 0.35 * blades))


def factory(patch: Patch) -> Tensor:
    """A press that stamps metal, again and again, over the hum of the hall."""
    starts = every(patch, patch.uniform(0.35, 0.9))
    time = grain_time(patch, 0.3)
    shape = (patch.size, 1, time.shape[0])
    blow = torch.randn(shape, generator=patch.generator, device=patch.device)
    base = between(300.0, 1500.0, patch.brightness).unsqueeze(-1)
    ring = sum(
        torch.sin(TAU * ratio * base * time) * torch.exp(-time / length)
        for ratio, length in ((1.0, 0.05), (2.3, 0.035), (3.9, 0.025))
    )
    grain = (blow * torch.exp(-time / 0.02) + 0.6 * ring) * attack(time, 0.001)
    blows = grain.expand(-1, starts.shape[1], -1)
    stamps = scatter(blows, in_time(starts, patch), patch.frames, patch.rate)
    hum = sine(cycles(patch.uniform(45.0, 60.0), patch.rate, patch.frames))
    hall = lowpass(coloured_noise(patch, 5.0), patch.rate, between(300.0, 2000.0, patch.brightness))
    return _soften_attack(patch, stamps + 0.06 * hum + 0.05 * unit(hall))


MACHINES: dict[str, Instrument] = {
    "machine engine": engine,
    "machine motor": motor,
    "machine fan": fan,
    "machine factory": factory,
}
