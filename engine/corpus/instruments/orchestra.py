"""Strings, brass, flutes, mallets, and chords of any of them. Training process."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from engine.corpus.instruments.stringed import acoustic_guitar, piano
from engine.corpus.instruments.struck import electric_piano, synth_pluck
from engine.corpus.instruments.synths import (
    cutoff,
    drawbar_organ,
    hold,
    shape_note,
    stack,
    super_lead,
    warm_pad,
)
from engine.corpus.synthesis.envelopes import attack, fall, gate
from engine.corpus.synthesis.filters import bandpass, lowpass, sweep_filter
from engine.corpus.synthesis.oscillators import cycles, modes, periodic, saw_harmonics, sine
from engine.corpus.synthesis.patch import TAU, Instrument, Patch, between
from engine.corpus.synthesis.room import chorus, to_stereo


def ensemble(patch: Patch) -> Tensor:
    """A section of bows: detuned saws, a soft start, wide."""
    wave = stack(patch, saw_harmonics(patch.hertz), (-9.0, 0.0, 9.0))
    wave = lowpass(wave, patch.rate, cutoff(patch, 700.0, 11000.0), 0.8)
    return chorus(shape_note(patch, wave, 0.07, 0.1), patch, 0.0012)


def _vibrato_phase(patch: Patch, cents: float, speed: float) -> Tensor:
    """The phase of the note with a vibrato of ±`cents` that comes in late."""
    time = patch.time()
    turn = torch.sin(TAU * (speed * patch.uniform(0.9, 1.1) * time))
    moving = patch.hertz * 2 ** (cents / 1200 * turn * attack(time - 0.2, 0.5))
    return cycles(moving, patch.rate, patch.frames)


def bowed_string(patch: Patch) -> Tensor:
    """One bow on one string: a saw with the body's resonances and some rosin."""
    time = patch.time()
    wave = periodic(saw_harmonics(patch.hertz), _vibrato_phase(patch, 9.0, 5.6))
    body = wave + 0.8 * bandpass(wave, patch.rate, 480.0, 3.0)
    body = body + (0.4 + patch.brightness) * bandpass(wave, patch.rate, 2600.0, 1.5)
    rosin = bandpass(patch.noise(), patch.rate, 3200.0, 0.7) * (0.02 + 0.12 * fall(time, 0.06))
    sound = lowpass(body + rosin, patch.rate, cutoff(patch, 900.0, 12000.0))
    return to_stereo(shape_note(patch, sound, 0.05, 0.1))


def pizzicato(patch: Patch) -> Tensor:
    """A string plucked with the finger: short, woody."""
    number = torch.arange(1, 25, device=patch.device).unsqueeze(0).float()
    levels = between(0.45, 0.9, patch.brightness) ** (number - 1) / number**0.5
    ring = between(0.05, 0.28, patch.decay) * (300.0 / patch.hertz).clamp(0.4, 2.5) ** 0.3
    time = patch.time()
    sound = modes(patch.hertz * number, ring / (1 + 0.25 * (number - 1)), levels, time, patch.rate)
    knock = bandpass(patch.noise() * fall(time, 0.006), patch.rate, 380.0, 1.0)
    return to_stereo((sound + 0.7 * knock) * attack(time, 0.001))


def _blow(patch: Patch, wave: Tensor, octaves: float, rise: float) -> Tensor:
    """Brass: the low-pass opens with the breath, `octaves` wide, and closes with the note."""
    time = patch.time()
    breath = attack(time, 1.6 * rise) * (0.72 + 0.28 * fall(time, 0.15))
    breath = breath * gate(time, hold(patch), 0.05)
    top = cutoff(patch, 900.0, 12000.0) * 2 ** (octaves * (breath - 0.8))
    moving = torch.maximum(top, 1.2 * patch.hertz.expand_as(top)).clamp(max=18000.0)
    return shape_note(patch, sweep_filter(wave, patch.rate, moving, 0.9, steps=8), rise, 0.15)


def trumpet(patch: Patch) -> Tensor:
    """One horn: bright as it blows harder, a late vibrato."""
    wave = periodic(saw_harmonics(patch.hertz), _vibrato_phase(patch, 6.0, 5.0))
    return to_stereo(_blow(patch, wave + 0.5 * bandpass(wave, patch.rate, 1400.0, 1.5), 2.5, 0.03))


def section(patch: Patch) -> Tensor:
    """Several horns together."""
    wave = stack(patch, saw_harmonics(patch.hertz), (-7.0, 0.0, 7.0))
    return chorus(_blow(patch, wave, 2.5, 0.035), patch, 0.0012, 0.4)


def synth_brass(patch: Patch) -> Tensor:
    """Two detuned saws under an opening filter."""
    wave = stack(patch, saw_harmonics(patch.hertz), (-6.0, 0.0, 6.0))
    return chorus(_blow(patch, wave, 3.5, 0.05), patch, 0.001, 0.4)


def flute(patch: Patch) -> Tensor:
    """Few harmonics and breath."""
    number = torch.arange(1, 9, device=patch.device).unsqueeze(0).float()
    harmonics = between(0.12, 0.6, patch.brightness) ** (number - 1)
    wave = periodic(harmonics * (number * patch.hertz < 16000), _vibrato_phase(patch, 10.0, 5.2))
    time = patch.time()
    breath = bandpass(patch.noise(), patch.rate, 2 * patch.hertz, 1.0)
    breath = lowpass(breath, patch.rate, cutoff(patch, 1500.0, 12000.0))
    share = patch.lookup({"flute": 0.12, "pan": 0.4}) * (1 + 2 * fall(time, 0.05))
    return to_stereo(shape_note(patch, wave + share * breath, 0.045, 0.1))


BARS = {  # ratios of the bar's modes, their levels, shortest and longest ring of the first
    "marimba": ((1.0, 3.93, 9.3), (1.0, 0.35, 0.2), (0.06, 0.35)),
    "vibraphone": ((1.0, 4.0, 10.2), (1.0, 0.25, 0.12), (0.2, 1.6)),
    "xylophone": ((1.0, 3.0, 6.1), (1.0, 0.6, 0.4), (0.03, 0.16)),
    "glockenspiel": ((1.0, 2.71, 5.15), (1.0, 0.5, 0.35), (0.2, 1.2)),
}


def mallet(patch: Patch) -> Tensor:
    """A struck bar: three modes, the upper ones brief, and the knock of the mallet."""
    time = patch.time()
    rows = [BARS[variant] for variant in patch.variants]
    ratios = torch.tensor([row[0] for row in rows], device=patch.device)
    levels = torch.tensor([row[1] for row in rows], device=patch.device)
    spans = torch.tensor([row[2] for row in rows], device=patch.device)
    ring = between(spans[:, :1], spans[:, 1:], patch.decay)
    ring = ring * (440.0 / patch.hertz).clamp(0.4, 2.5) ** 0.3
    shares = torch.tensor([[1.0, 0.25, 0.1]], device=patch.device)
    tilt = between(0.15, 1.6, patch.brightness) ** torch.tensor([[0, 1, 1.6]], device=patch.device)
    sound = modes(patch.hertz * ratios, ring * shares, levels * tilt, time, patch.rate)
    knock = lowpass(patch.noise() * fall(time, 0.003), patch.rate, 4 * patch.hertz)
    sound = (sound + 0.3 * knock) * attack(time, 0.0008)
    throb = patch.lookup({name: 0.25 * (name == "vibraphone") for name in BARS})
    turn = torch.sin(TAU * 5.0 * time)
    return torch.stack([sound * (1 + throb * turn), sound * (1 - throb * turn)], dim=1)


CHORDS = {
    "minor": (0, 3, 7, 12),
    "major": (0, 4, 7, 12),
    "minor seventh": (0, 3, 7, 10),
    "major seventh": (0, 4, 7, 11),
    "seventh": (0, 4, 7, 10),
    "suspended": (0, 5, 7, 12),
}


def _stab(patch: Patch) -> Tensor:
    return super_lead(replace(patch, decay=0.4 * patch.decay))


VOICINGS: dict[str, Instrument] = {
    "pad": warm_pad,
    "keys": electric_piano,
    "stab": _stab,
    "organ": drawbar_organ,
    "strings": ensemble,
    "pluck": synth_pluck,
    "piano": piano,
    "guitar": acoustic_guitar,
    "sine": lambda patch: to_stereo(
        shape_note(patch, sine(cycles(patch.hertz, patch.rate, patch.frames)))
    ),
}


def chord(patch: Patch) -> Tensor:
    """Four notes of the form's chord above the root, one instrument (the variant) for all."""
    total = torch.zeros(patch.size, 2, patch.frames, device=patch.device)
    for rank in range(4):
        steps = patch.lookup({form: float(notes[rank]) for form, notes in CHORDS.items()},
                             patch.forms)  # fmt: skip
        note = replace(patch, hertz=patch.hertz * 2 ** (steps / 12))
        total += VOICINGS[patch.variants[0]](note) * (0.6 if rank == 3 else 1.0)
    return total


ORCHESTRA: dict[str, Instrument] = {
    "strings ensemble": ensemble,
    "strings violin": bowed_string,
    "strings cello": bowed_string,
    "strings pizzicato": pizzicato,
    "brass trumpet": trumpet,
    "brass trombone": trumpet,
    "brass section": section,
    "brass synth": synth_brass,
    "flute": flute,
    "mallet": mallet,
    **{f"chord {name}": chord for name in VOICINGS},
}
