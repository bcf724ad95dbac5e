"""Notes that are struck or plucked and then ring: plucks, keys, bells. Training process."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.corpus.instruments.synths import unison
from engine.corpus.synthesis.envelopes import attack, fall, gate
from engine.corpus.synthesis.filters import lowpass, sweep_filter
from engine.corpus.synthesis.oscillators import cycles, modes, saw_harmonics, sine
from engine.corpus.synthesis.patch import TAU, Instrument, Patch, between
from engine.corpus.synthesis.room import chorus, to_stereo


def _ringing(patch: Patch, shortest: float, longest: float) -> Tensor:
    """Time constant of the fundamental, seconds (B, 1); low notes ring longer than high ones."""
    return between(shortest, longest, patch.decay) * (440.0 / patch.hertz).clamp(0.3, 4.0) ** 0.25


def plucked_string(patch: Patch) -> Tensor:
    """A string: harmonics by plucking place, the upper ones dying sooner, slightly stretched."""
    number = torch.arange(1, 41, device=patch.device).unsqueeze(0).float()
    stretch = (1 + 1e-5 * number**2) ** 0.5 / (1 + 1e-5) ** 0.5
    pitches = patch.hertz * number * stretch
    place = patch.uniform(0.12, 0.4)
    levels = torch.sin(torch.pi * number * place).abs() / number
    levels = levels * between(0.55, 1.0, patch.brightness) ** (number - 1)
    ring = _ringing(patch, 0.07, 0.9) / (1 + 0.12 * (number - 1) * (1.3 - patch.brightness))
    return to_stereo(modes(pitches, ring, levels, patch.time(), patch.rate))


def synth_pluck(patch: Patch) -> Tensor:
    """Two saws under a low-pass that snaps shut."""
    time = patch.time()
    ring = _ringing(patch, 0.05, 0.5)
    wave = unison(patch, saw_harmonics(patch.hertz), 5.0)
    top = between(500.0, 14000.0, patch.brightness)
    moving = 1.3 * patch.hertz + top * fall(time, 0.6 * ring)
    sound = sweep_filter(wave, patch.rate, moving.clamp(max=18000.0), 1.1, steps=10)
    return to_stereo(sound * fall(time, ring) * attack(time, 0.0015))


def thumb_piano(patch: Patch) -> Tensor:
    """A tine: the note, two stretched overtones, a woody knock."""
    ratios = torch.tensor([[1.0, 2.0, 5.42, 8.9]], device=patch.device)
    levels = torch.cat([torch.ones_like(patch.hertz), 0.15 * torch.ones_like(patch.hertz)], 1)
    upper = between(0.03, 0.6, patch.brightness) * torch.tensor([[0.6, 0.35]], device=patch.device)
    ring = _ringing(patch, 0.08, 0.7) * torch.tensor([[1.0, 0.5, 0.15, 0.08]], device=patch.device)
    time = patch.time()
    sound = modes(patch.hertz * ratios, ring, torch.cat([levels, upper], dim=1), time, patch.rate)
    knock = lowpass(patch.noise() * fall(time, 0.004), patch.rate, 900.0)
    return to_stereo((sound + 0.4 * knock) * attack(time, 0.0008))


def _two_operators(patch: Patch, ratio: float, index: Tensor) -> Tensor:
    """Sine of the note, its phase moved by a sine at `ratio` times the note; index in radians."""
    other = sine(cycles(patch.hertz * ratio, patch.rate, patch.frames))
    return sine(cycles(patch.hertz, patch.rate, patch.frames) + index * other / TAU)


def _shape_key(patch: Patch, sound: Tensor, ring: Tensor) -> Tensor:
    """Give a sound a key's envelope: struck, ringing, damped before the asked end."""
    time = patch.time()
    down = (patch.seconds - 0.12).clamp(min=0.2)
    return sound * fall(time, ring) * attack(time, 0.0015) * gate(time, down, 0.03)


def electric_piano(patch: Patch) -> Tensor:
    """Tine and tone bar: a soft body and a bell-like ping above it, slow stereo tremolo."""
    time = patch.time()
    ring = _ringing(patch, 0.18, 1.6)
    index = between(0.1, 1.6, patch.brightness) * fall(time, 0.7 * ring)
    body = _two_operators(patch, 1.0, index)
    ping = sine(cycles(patch.hertz * 14.0, patch.rate, patch.frames)) * fall(time, 0.06)
    ping = ping * (14 * patch.hertz < 16000) * between(0.02, 0.25, patch.brightness)
    sound = _shape_key(patch, body + ping, ring)
    turn = 0.2 * torch.sin(TAU * patch.uniform(3.0, 5.5) * time)
    return torch.stack([sound * (1 + turn), sound * (1 - turn)], dim=1)


def fm_keys(patch: Patch) -> Tensor:
    """Two pairs of operators, as in the famous digital piano; a little chorus."""
    time = patch.time()
    ring = _ringing(patch, 0.18, 1.4)
    strike = between(0.15, 2.2, patch.brightness)
    low = _two_operators(patch, 1.0, strike * fall(time, 0.5 * ring))
    high = _two_operators(patch, 14.0, between(0.05, 0.9, patch.brightness) * fall(time, 0.12))
    return chorus(_shape_key(patch, low + 0.6 * high, ring), patch, 0.001, 0.25)


def reed_piano(patch: Patch) -> Tensor:
    """A reed: odd harmonics and a bark that grows with brightness."""
    ring = _ringing(patch, 0.14, 1.1)
    index = between(0.3, 2.4, patch.brightness) * (0.3 + 0.7 * fall(patch.time(), 0.4 * ring))
    return to_stereo(_shape_key(patch, _two_operators(patch, 2.0, index), ring))


def fm_bell(patch: Patch) -> Tensor:
    """Two operators at an inharmonic ratio (Chowning 1973): the index falls, the note stays."""
    time = patch.time()
    ring = _ringing(patch, 0.2, 1.5)
    index = between(0.4, 4.5, patch.brightness) * fall(time, 0.6 * ring)
    first = _two_operators(patch, 3.5, index)
    second = _two_operators(patch, 7.07, 0.3 * index)
    return to_stereo((first + 0.3 * second) * fall(time, ring) * attack(time, 0.001))


TUBE = ((0.5, 1.3, 0.2), (1.0, 1.0, 1.0), (1.2, 0.7, 0.4), (1.5, 0.6, 0.3), (2.0, 0.55, 0.6),
        (2.74, 0.4, 0.4), (3.76, 0.3, 0.3), (5.4, 0.2, 0.25), (7.1, 0.13, 0.2))  # fmt: skip
GLASS = ((1.0, 1.0, 1.0), (2.76, 0.45, 0.5), (5.4, 0.25, 0.35), (8.93, 0.14, 0.25))


def _partials(patch: Patch, rows: tuple[tuple[float, float, float], ...], ring: Tensor) -> Tensor:
    """Modes from rows of (ratio, share of the ring, level); brightness lifts the upper ones."""
    table = torch.tensor(rows, device=patch.device)
    ratios, shares, levels = table[:, 0][None], table[:, 1][None], table[:, 2][None]
    tilt = between(0.25, 1.25, patch.brightness) ** torch.log2(ratios.clamp(min=1.0))
    return modes(patch.hertz * ratios, ring * shares, levels * tilt, patch.time(), patch.rate)


def tubular_bell(patch: Patch) -> Tensor:
    """A church bell's partials: hum, prime, tierce, quint, nominal and above."""
    ring = _ringing(patch, 0.25, 1.5)
    return to_stereo(_partials(patch, TUBE, ring) * attack(patch.time(), 0.0012))


def glass_bell(patch: Patch) -> Tensor:
    """A struck bar's partials, light and high."""
    ring = _ringing(patch, 0.15, 1.1)
    return to_stereo(_partials(patch, GLASS, ring) * attack(patch.time(), 0.0006))


STRUCK: dict[str, Instrument] = {
    "pluck string": plucked_string,
    "pluck synth": synth_pluck,
    "pluck soft": thumb_piano,
    "keys electric": electric_piano,
    "keys fm": fm_keys,
    "keys wurly": reed_piano,
    "bell fm": fm_bell,
    "bell tubular": tubular_bell,
    "bell glass": glass_bell,
}
