"""Effects with a beginning and an end: risers, impacts, sweeps, lasers, a passing car."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.corpus.synthesis.envelopes import attack, fall
from engine.corpus.synthesis.filters import Spectrum, bandpass, high, low, lowpass, sweep_filter
from engine.corpus.synthesis.grains import coloured_noise, scatter
from engine.corpus.synthesis.oscillators import cycles, periodic, pulse_harmonics, sine
from engine.corpus.synthesis.patch import TAU, Instrument, Patch, between
from engine.corpus.synthesis.room import to_stereo

SOUND_SPEED = 343.0  # metres a second


def _progress(patch: Patch) -> Tensor:
    """0 at the start of each sound, 1 at its end: (B, T)."""
    return (patch.time() / patch.seconds).clamp(0, 1)


def _ascent(patch: Patch, place: Tensor) -> Tensor:
    """Noise and a pulse wave that climb as `place` goes from 0 to 1: (B, 2, T)."""
    top = between(2500.0, 16000.0, patch.brightness)
    moving = 180.0 * (top / 180.0) ** place
    tonal = patch.lookup({"noise": 0.0, "synth": 1.0})
    noise = patch.noise(2)
    sides = [
        sweep_filter(noise[:, side], patch.rate, moving, 1.6, "band", steps=12) for side in range(2)
    ]
    hiss = torch.stack(sides, dim=1)
    hertz = 90.0 * 2 ** (patch.uniform(2.5, 4.0) * place)
    saws = torch.zeros_like(hiss[:, 0])
    waves = 1.0 / torch.arange(1, 25, device=patch.device).unsqueeze(0).expand(patch.size, -1)
    for ratio in (0.994, 1.0, 1.007):
        saws += periodic(waves, (cycles(hertz * ratio, patch.rate, patch.frames)))
    saws = sweep_filter(saws, patch.rate, moving.clamp(min=300.0), 1.0, steps=8)
    return hiss * (1.4 - tonal.unsqueeze(-1)) + 0.8 * (tonal * saws).unsqueeze(1)


def riser(patch: Patch) -> Tensor:
    """Climbs and swells to the very end."""
    place = _progress(patch)
    return _ascent(patch, place**1.2) * (0.02 + place**1.7).unsqueeze(1)


def downer(patch: Patch) -> Tensor:
    """Falls and fades: the riser's way back."""
    place = _progress(patch)
    level = (1 - place) ** 1.5 * attack(patch.time(), 0.004)
    return _ascent(patch, (1 - place) ** 1.2) * level.unsqueeze(1)


def reverse_cymbal(patch: Patch) -> Tensor:
    """A cymbal backwards: a hiss that swells and stops."""
    place = _progress(patch)
    spectrum = Spectrum(patch.noise(2), patch.rate)
    edge = high(spectrum.hertz, between(1800.0, 5500.0, patch.brightness))
    top = low(spectrum.hertz, between(7000.0, 18000.0, patch.brightness))
    level = torch.exp(4.5 * (place - 1)) * (place > 0)
    return spectrum.filter((edge * top).unsqueeze(1)) * level.unsqueeze(1)


def impact(patch: Patch) -> Tensor:
    """A boom from below, a crack above, dust after."""
    time = patch.time()
    ring = between(0.12, 0.9, patch.decay)
    start = patch.uniform(90.0, 150.0)
    end = patch.uniform(30.0, 45.0)
    boom = sine(cycles(end + start * fall(time, 0.06), patch.rate, patch.frames))
    boom = torch.tanh(1.8 * boom * fall(time, ring))
    crack = patch.noise(2)
    spectrum = Spectrum(crack, patch.rate)
    edge = between(500.0, 11000.0, patch.brightness)
    crack = spectrum.filter(low(spectrum.hertz, edge).unsqueeze(1))
    crack = crack / crack.std((1, 2), keepdim=True).clamp(min=1e-6)
    level = 0.5 * fall(time, 0.02) + (0.1 + 0.25 * patch.brightness) * fall(time, 0.6 * ring)
    return (boom.unsqueeze(1) + crack * level.unsqueeze(1)) * attack(time, 0.001).unsqueeze(1)


def explosion(patch: Patch) -> Tensor:
    """Brown rumble with debris; nothing tonal in it."""
    time = patch.time()
    ring = between(0.2, 1.2, patch.decay)
    rumble = coloured_noise(patch, 6.0, 2)
    edge = between(300.0, 6000.0, patch.brightness) * (0.15 + 0.85 * fall(time, 0.5 * ring))
    sides = [sweep_filter(rumble[:, side], patch.rate, edge, steps=8) for side in range(2)]
    sound = torch.tanh(1.5 * torch.stack(sides, dim=1))
    level = (fall(time, ring) + 0.5 * fall(time, 0.03)) * attack(time, 0.0015)
    return sound * level.unsqueeze(1)


def sweep(patch: Patch) -> Tensor:
    """Noise that passes: up and down again in pitch and level, from side to side."""
    place = _progress(patch)
    hill = torch.sin(torch.pi * place**0.8) ** 2
    top = between(1200.0, 9000.0, patch.brightness)
    moving = 250.0 * (top / 250.0) ** hill
    sound = sweep_filter(patch.noise(), patch.rate, moving, 1.1, "band", steps=12) * (0.005 + hill)
    side = torch.sign(patch.uniform(-1, 1)) * 0.6 * (2 * place - 1)
    return torch.stack([sound * (1 - side), sound * (1 + side)], dim=1)


def laser(patch: Patch) -> Tensor:
    """A tone that drops some octaves at once."""
    time = patch.time()
    ring = between(0.03, 0.3, patch.decay)
    start = between(1500.0, 7000.0, patch.brightness)
    moving = 90.0 + start * fall(time, 0.45 * ring)
    square = patch.lookup({"zap": 1.0, "sine": 0.0})
    phase = cycles(moving, patch.rate, patch.frames)
    wave = torch.tanh((1.0 + 3.0 * square) * sine(phase))
    wave = lowpass(wave, patch.rate, 9000.0)
    return to_stereo(wave * fall(time, ring) * attack(time, 0.0008))


def blip(patch: Patch) -> Tensor:
    """A short steady beep, sine or pulse."""
    time = patch.time()
    hertz = 440.0 * 2 ** (torch.floor(patch.uniform(0, 25)) / 12)
    hertz = hertz * (1 + patch.lookup({"beep": 0.0, "coin": 0.335}) * (time > 0.07))
    length = between(0.04, 0.35, patch.decay) + 0.07 * patch.lookup({"beep": 0.0, "coin": 1.0})
    phase = cycles(hertz.expand(-1, patch.frames), patch.rate, patch.frames)
    harmonics = pulse_harmonics(torch.full_like(patch.hertz, 1800.0))
    harmonics = harmonics * between(0.05, 1.0, patch.brightness) ** torch.arange(
        harmonics.shape[1], device=patch.device
    )
    level = attack(time, 0.001) * (1 - attack(time - length, 0.008))
    return to_stereo(periodic(harmonics, phase) * level)


def glitch(patch: Patch) -> Tensor:
    """Slices of beeps and noise on a fine grid, held and crushed."""
    time = patch.time()
    steps = 24
    length = patch.seconds * 0.9 / steps
    index = (time / length).long().clamp(max=steps - 1)
    kind = patch.uniform(0, 1, steps).gather(1, index)
    hertz = (110.0 * 2 ** patch.uniform(0, 5, steps)).gather(1, index)
    tone = torch.sign(sine(cycles(hertz, patch.rate, patch.frames)))
    hold = (2 + 40 * (1 - patch.brightness)).long()
    frame = torch.arange(patch.frames, device=patch.device).unsqueeze(0)
    held = patch.noise().gather(1, (frame // hold) * hold)
    sound = torch.where(kind < 0.35, tone, torch.where(kind < 0.7, 0.6 * held, 0.0))
    first = (index == 0) & (kind >= 0.7)
    sound = torch.where(first, tone, sound) * (time < (0.3 + 0.63 * patch.decay) * patch.seconds)
    sound = sound * fall(time % length, length * between(0.2, 3.0, patch.decay))
    return to_stereo(lowpass(sound, patch.rate, between(2500.0, 17000.0, patch.brightness)))


def car(patch: Patch) -> Tensor:
    """An engine goes by: Doppler, distance, side to side, tyres on the road."""
    time = patch.time() - patch.seconds * patch.uniform(0.42, 0.55)
    speed = patch.uniform(38.0, 75.0)
    nearest = patch.uniform(5.0, 9.0)
    along = speed * time
    distance = (along**2 + nearest**2).sqrt()
    heard = 1 / (1 + speed * along / distance / SOUND_SPEED)
    turns = patch.lookup({"sports": 78.0, "race": 125.0, "plain": 36.0}) * patch.uniform(0.9, 1.15)
    number = torch.arange(1, 81, device=patch.device).unsqueeze(0)
    # A four-stroke cycle: every fourth harmonic is the firing of an eight-cylinder bank.
    firing = torch.where(number % 4 == 0, 1.0, torch.where(number % 2 == 0, 0.35, 0.12))
    harmonics = firing * patch.uniform(0.4, 1.0, 80) / number ** between(1.1, 0.5, patch.brightness)
    harmonics = harmonics * (number * turns * 1.35 < 16000)
    pitch = turns * heard * (1 + 0.08 * torch.tanh(time / patch.seconds))
    engine = periodic(harmonics, cycles(pitch, patch.rate, patch.frames))
    engine = torch.tanh(2 * engine / engine.std(-1, keepdim=True).clamp(min=1e-6))
    road = bandpass(patch.noise(), patch.rate, between(500.0, 1600.0, patch.brightness), 0.5)
    road = road / road.std(-1, keepdim=True).clamp(min=1e-6)
    air = between(2500.0, 14000.0, patch.brightness) * (nearest / distance) ** 0.5
    sound = sweep_filter(engine + 0.45 * road, patch.rate, air.clamp(min=300.0), steps=8)
    sound = sound * (nearest / distance) ** 1.1 * attack(patch.time(), 0.02)
    side = torch.sign(patch.uniform(-1, 1)) * 0.75 * along / distance
    return torch.stack([sound * (1 - side), sound * (1 + side)], dim=1)


def thunder(patch: Patch) -> Tensor:
    """A crack and claps of rumble that come later and darker."""
    length = int(0.7 * patch.rate)
    time = torch.arange(length, device=patch.device) / patch.rate
    count = 9
    claps = torch.randn(
        patch.size, count, length, generator=patch.generator, device=patch.device
    ) * torch.exp(-time / 0.16)
    starts = patch.uniform(0, 1, count) ** 1.5 * patch.seconds * 0.6 * (0.4 + patch.decay)
    starts[:, 0] = 0.0
    levels = patch.uniform(0.2, 1.0, count) / (1 + 1.5 * starts)
    sound = scatter(claps * levels.unsqueeze(-1), starts, patch.frames, patch.rate)
    edge = between(250.0, 2500.0, patch.brightness) / (1 + 1.5 * patch.time())
    deep = sweep_filter(sound, patch.rate, edge.clamp(min=90.0), steps=8)
    deep = lowpass(deep, patch.rate, 3 * edge[:, :1])
    crack = bandpass(sound, patch.rate, 1800.0, 0.6) * fall(patch.time(), 0.08)
    return to_stereo((deep + (0.02 + 0.2 * patch.brightness) * crack) * attack(patch.time(), 0.002))


def siren(patch: Patch) -> Tensor:
    """A horn that swings between two notes."""
    time = patch.time()
    swing = torch.sin(TAU * (patch.uniform(0.4, 2.2) * time - 0.25))
    hertz = patch.uniform(500.0, 800.0) * 2 ** (0.45 * swing)
    number = torch.arange(1, 17, device=patch.device).unsqueeze(0)
    harmonics = between(0.15, 0.85, patch.brightness) ** (number - 1)
    wave = periodic(harmonics, cycles(hertz, patch.rate, patch.frames))
    return to_stereo(wave * attack(time, 0.01))


EFFECTS: dict[str, Instrument] = {
    "riser": riser,
    "downer": downer,
    "reverse cymbal": reverse_cymbal,
    "impact": impact,
    "explosion": explosion,
    "sweep": sweep,
    "laser": laser,
    "blip": blip,
    "glitch": glitch,
    "car": car,
    "thunder": thunder,
    "siren": siren,
}
