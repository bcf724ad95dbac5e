"""Waves through filters: basses, leads, pads, organs. Training process."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor

from engine.corpus.synthesis.envelopes import attack, fall, gate
from engine.corpus.synthesis.filters import lowpass, sweep_filter
from engine.corpus.synthesis.oscillators import (
    cycles,
    harmonic_numbers,
    periodic,
    pulse_harmonics,
    saw_harmonics,
    sine,
)
from engine.corpus.synthesis.patch import ROUNDED_TAU, Instrument, Patch, between
from engine.corpus.synthesis.room import chorus, to_stereo


def hold(patch: Patch, release: float = 0.06) -> Tensor:
    """How long the key is down, seconds: `decay` 0 is a tenth of a second, 1 nearly all of it."""
    longest = (patch.seconds - 3 * release).clamp(min=0.12)
    return between(0.1, longest, patch.decay)


def cutoff(patch: Patch, lowest: float = 180.0, highest: float = 14000.0) -> Tensor:
    """Where `brightness` puts the low-pass, hertz (B, 1); never below the note itself."""
    return torch.maximum(between(lowest, highest, patch.brightness), 1.3 * patch.hertz)


def stack(patch: Patch, harmonics: Tensor, cents: tuple[float, ...]) -> Tensor:
    """Copies of one wave, detuned evenly around the note, at random phases: (B, T).

    The copy on the note is the loudest: equals would beat, and put the pitch in doubt.
    """
    total = torch.zeros(patch.size, patch.frames, device=patch.device)
    for cent in cents:
        phase = cycles(patch.hertz * 2 ** (cent / 1200), patch.rate, patch.frames)
        level = 1.0 if cent == 0 else 0.6
        total += level * periodic(harmonics, (phase + patch.uniform(0, 1)) % 1.0)
    return total / sqrt(len(cents))


def unison(patch: Patch, harmonics: Tensor, cents: float) -> Tensor:
    """One wave on the note and a softer pair beside it: wide, yet the note never beats away."""
    return stack(patch, harmonics, (0.0,)) + 0.4 * stack(patch, harmonics, (-cents, cents))


def shape_note(patch: Patch, sound: Tensor, rise: float = 0.003, sag: float = 0.35) -> Tensor:
    """Give a sound the envelope of a held note: quick rise, slow sag, short release."""
    time = patch.time()
    down = hold(patch)
    level = (1 - sag) + sag * fall(time, 0.3 * down)
    return sound * level * attack(time, rise) * gate(time, down, 0.03)


def sub_bass(patch: Patch) -> Tensor:
    """A sine; brightness adds the second and third harmonic."""
    number = torch.arange(1, 9, device=patch.device).unsqueeze(0)
    harmonics = between(0.03, 0.45, patch.brightness) ** (number - 1)
    wave = periodic(harmonics, cycles(patch.hertz, patch.rate, patch.frames))
    return to_stereo(shape_note(patch, wave, 0.006, 0.2))


def bass_808(patch: Patch) -> Tensor:
    """A long kick that plays a note: a short fall onto the pitch, then an even sine."""
    time = patch.time()
    ring = between(0.12, 1.1, patch.decay)
    extra = patch.hertz * patch.uniform(0.8, 2.0)
    moving = patch.hertz + extra * fall(time, 0.011)
    body = sine(cycles(moving, patch.rate, patch.frames)) * fall(time, ring)
    body = torch.tanh(body * between(1.05, 4.0, patch.brightness))
    click = lowpass(patch.noise() * fall(time, 0.002), patch.rate, cutoff(patch))
    return to_stereo((body + 0.25 * patch.brightness * click) * attack(time, 0.001))


def _swept_wave(patch: Patch, wave: Tensor, q: float, depth: float, share: float) -> Tensor:
    """A wave under a low-pass whose envelope opens `depth` octaves and falls within the note."""
    time = patch.time()
    fallen = fall(time, share * hold(patch) + 0.02)
    moving = (cutoff(patch) * 2 ** (depth * fallen - 0.4 * depth)).clamp(60.0, 18000.0)
    moving = torch.maximum(moving, 1.1 * patch.hertz.expand_as(moving))
    return sweep_filter(wave, patch.rate, moving, q, steps=9)


def saw_bass(patch: Patch) -> Tensor:
    """A few saws under a falling low-pass."""
    wave = unison(patch, saw_harmonics(patch.hertz), 5.0)
    return to_stereo(shape_note(patch, _swept_wave(patch, wave, 1.2, 2.0, 0.35)))


def square_bass(patch: Patch) -> Tensor:
    """A pulse wave of random width under a low-pass."""
    width = patch.uniform(0.3, 0.5)
    wave = stack(patch, pulse_harmonics(patch.hertz, width), (0.0,))
    return to_stereo(shape_note(patch, _swept_wave(patch, wave, 1.0, 1.2, 0.4)))


def acid_bass(patch: Patch) -> Tensor:
    """A saw through a screaming resonant low-pass that falls fast."""
    wave = stack(patch, saw_harmonics(patch.hertz), (0.0,))
    once = _swept_wave(patch, wave, 6.0, 3.2, 0.4)
    return to_stereo(shape_note(patch, lowpass(once, patch.rate, 9000.0)))


def fm_bass(patch: Patch) -> Tensor:
    """Two operators an octave or unison apart; the index falls with the note."""
    time = patch.time()
    index = between(0.25, 5.0, patch.brightness) * (0.25 + 0.75 * fall(time, 0.25 * hold(patch)))
    ratio = 1.0 + (patch.uniform(0, 1) > 0.5).float()
    other = sine(cycles(patch.hertz * ratio, patch.rate, patch.frames))
    phase = cycles(patch.hertz, patch.rate, patch.frames)
    return to_stereo(shape_note(patch, sine(phase + index * other / ROUNDED_TAU)))


def reese(patch: Patch) -> Tensor:
    """Three saws apart enough to beat slowly, dark unless asked."""
    wide = [stack(patch, saw_harmonics(patch.hertz), (-9.0, 0.0, 9.0)) for _ in range(2)]
    top = cutoff(patch, 140.0, 7000.0)
    sides = [shape_note(patch, lowpass(wave, patch.rate, top, 1.0), 0.008, 0.1) for wave in wide]
    mid = 0.5 * (sides[0] + sides[1])
    return torch.stack([mid + 0.25 * (side - mid) for side in sides], dim=1)


def _lead(patch: Patch, wave: Tensor, q: float = 1.1) -> Tensor:
    """A wave under a moderately moving low-pass, held."""
    opened = _swept_wave(patch, wave, q, 1.0, 0.5)
    return shape_note(patch, opened, 0.006, 0.25)


def _vibrato(patch: Patch) -> Tensor:
    """The note's frequency with a vibrato that comes in late; ±8 cents, (B, T)."""
    time = patch.time()
    turn = torch.sin(ROUNDED_TAU * patch.uniform(4.5, 6.0) * time)
    return patch.hertz * 2 ** (8 / 1200 * turn * attack(time - 0.15, 0.4))


def saw_lead(patch: Patch) -> Tensor:
    """Two saws, a few cents apart."""
    return to_stereo(_lead(patch, unison(patch, saw_harmonics(patch.hertz), 7.0)))


def square_lead(patch: Patch) -> Tensor:
    """A pulse wave with a late vibrato."""
    width = 0.5 - 0.25 * (patch.uniform(0, 1) > 0.6)
    phase = cycles(_vibrato(patch), patch.rate, patch.frames)
    return to_stereo(_lead(patch, periodic(pulse_harmonics(patch.hertz, width), phase)))


def super_lead(patch: Patch) -> Tensor:
    """Seven saws, wide."""
    harmonics = saw_harmonics(patch.hertz)
    centre = stack(patch, harmonics, (0.0,))
    sides = [
        stack(patch, harmonics, cents) + centre
        for cents in ((-19.0, -6.0, 11.0), (-11.0, 6.0, 19.0))
    ]
    top = cutoff(patch, 500.0, 16000.0)
    return torch.stack(
        [shape_note(patch, lowpass(side, patch.rate, top), 0.006) for side in sides], 1
    )


def sine_lead(patch: Patch) -> Tensor:
    """Nearly a sine, with a late vibrato."""
    number = torch.arange(1, 7, device=patch.device).unsqueeze(0)
    harmonics = between(0.01, 0.4, patch.brightness) ** (number - 1)
    wave = periodic(harmonics, cycles(_vibrato(patch), patch.rate, patch.frames))
    return to_stereo(shape_note(patch, wave, 0.015, 0.15))


def _swell(patch: Patch, stereo: Tensor) -> Tensor:
    """Give a pad its envelope: a slow rise and a slow release, both inside the asked length."""
    time = patch.time()
    rise = patch.uniform(0.08, 0.22) * patch.seconds
    down = between(0.35 * patch.seconds, 0.8 * patch.seconds, patch.decay)
    return stereo * (attack(time, rise) * gate(time, down, 0.07 * patch.seconds)).unsqueeze(1)


def warm_pad(patch: Patch) -> Tensor:
    """Detuned saws under a low-pass that breathes."""
    time = patch.time()
    harmonics = saw_harmonics(patch.hertz)
    turn = torch.sin(ROUNDED_TAU * (patch.uniform(0.1, 0.4) * time + patch.uniform(0, 1)))
    moving = cutoff(patch, 250.0, 9000.0) * 2 ** (0.5 * turn)
    pair = [stack(patch, harmonics, cents) for cents in ((-9.0, 0.0, 7.0), (-7.0, 0.0, 9.0))]
    sides = [sweep_filter(side, patch.rate, moving, 0.9, steps=5) for side in pair]
    return _swell(patch, torch.stack(sides, dim=1))


def string_pad(patch: Patch) -> Tensor:
    """Many detuned saws with a chorus and the body of an ensemble."""
    wave = stack(patch, saw_harmonics(patch.hertz), (-8.0, 0.0, 8.0))
    wave = lowpass(wave, patch.rate, cutoff(patch, 600.0, 12000.0))
    return _swell(patch, chorus(wave, patch, 0.0012))


FORMANTS = ((730.0, 90.0, 1.0), (1090.0, 110.0, 0.5), (2440.0, 140.0, 0.25), (3400.0, 200.0, 0.1))


def vowel_harmonics(patch: Patch, formants: tuple[tuple[float, float, float], ...]) -> Tensor:
    """Harmonics of the note under formants (hertz, width, level); brightness lifts the top."""
    number = harmonic_numbers(patch.hertz, 128)
    place = number * patch.hertz
    total = 0.02 / number
    for rank, (centre, width, level) in enumerate(formants):
        lift = between(0.35, 1.6, patch.brightness) ** rank
        total = total + lift * level / (1 + ((place - centre) / (2.0 * width)) ** 2)
    return total * (place < 16000) / number**0.5


def choir_pad(patch: Patch) -> Tensor:
    """An "ah" of several singers."""
    harmonics = vowel_harmonics(patch, FORMANTS)
    wave = stack(patch, harmonics, (-7.0, 0.0, 7.0))
    breath = lowpass(patch.noise(), patch.rate, cutoff(patch, 800.0, 6000.0))
    wave = wave / wave.std(-1, keepdim=True).clamp(min=1e-6) + 0.03 * breath
    return _swell(patch, chorus(wave, patch, 0.0012))


def glass_pad(patch: Patch) -> Tensor:
    """Sparse high harmonics, each swelling on its own."""
    time = patch.time()
    total = torch.zeros(patch.size, 2, patch.frames, device=patch.device)
    for number in (1, 2, 3, 4, 6, 8, 12):
        level = between(0.3, 0.92, patch.brightness) ** (number - 1)
        level = level * (number * patch.hertz < 16000)
        for side in range(2):
            swell = 0.6 + 0.4 * torch.sin(
                ROUNDED_TAU * (patch.uniform(0.2, 0.9) * time + patch.uniform(0, 1))
            )
            tone = sine(cycles(patch.hertz * number, patch.rate, patch.frames))
            total[:, side] += level * swell * tone
    return _swell(patch, total)


def _organ(patch: Patch, pipes: tuple[float, ...], tilt: float) -> Tensor:
    """Sines at the drawbars' ratios of the note; brightness draws the upper ones."""
    total = torch.zeros(patch.size, patch.frames, device=patch.device)
    for ratio in pipes:
        level = between(0.25, 1.0, patch.brightness) ** max(0.0, ratio - 1) * ratio**-tilt
        level = torch.where(ratio * patch.hertz < 16000, level, 0.0) * (0.25 if ratio < 1 else 1.0)
        total += level * sine(cycles(patch.hertz * ratio, patch.rate, patch.frames))
    return total


def drawbar_organ(patch: Patch) -> Tensor:
    """Tonewheels, a key click and a rotating speaker."""
    time = patch.time()
    wave = _organ(patch, (0.5, 1, 2, 3, 4, 6, 8), 0.1)
    click = lowpass(patch.noise() * fall(time, 0.002), patch.rate, cutoff(patch, 900.0, 8000.0))
    sound = shape_note(patch, wave + 0.4 * patch.brightness * click, 0.002, 0.0)
    return chorus(sound, patch, 0.0008, 0.3)


def house_organ(patch: Patch) -> Tensor:
    """A short hollow organ, hit rather than held."""
    wave = _organ(patch, (0.5, 1, 2, 4), 0.3)
    knock = _organ(patch, (3, 6), 0.3) * fall(patch.time(), 0.05)
    return to_stereo(shape_note(patch, wave + 0.8 * knock, 0.002, 0.5))


def church_organ(patch: Patch) -> Tensor:
    """Pipes that speak slowly, with chiff and wide pairs."""
    wave = _organ(patch, (1, 2, 3, 4, 5, 6, 8, 10, 12, 16), 0.5)
    chiff = lowpass(patch.noise(), patch.rate, 4 * patch.hertz) * fall(patch.time(), 0.04)
    sound = shape_note(patch, wave + 0.15 * chiff, 0.04, 0.0)
    return chorus(sound, patch, 0.0005, 0.3)


SYNTHS: dict[str, Instrument] = {
    "bass sub": sub_bass,
    "bass 808": bass_808,
    "bass saw": saw_bass,
    "bass square": square_bass,
    "bass acid": acid_bass,
    "bass fm": fm_bass,
    "bass reese": reese,
    "lead saw": saw_lead,
    "lead square": square_lead,
    "lead super": super_lead,
    "lead sine": sine_lead,
    "pad warm": warm_pad,
    "pad string": string_pad,
    "pad choir": choir_pad,
    "pad glass": glass_pad,
    "organ drawbar": drawbar_organ,
    "organ house": house_organ,
    "organ church": church_organ,
}
