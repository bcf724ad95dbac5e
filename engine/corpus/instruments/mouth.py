"""What a mouth makes: hums, tunes and beatbox, as sources for audio to audio. Training process."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.corpus.instruments.synths import hold
from engine.corpus.synthesis.envelopes import attack, fall, gate
from engine.corpus.synthesis.filters import Spectrum, bandpass, high, low, lowpass
from engine.corpus.synthesis.grains import wander
from engine.corpus.synthesis.oscillators import cycles, harmonic_numbers, periodic, sine
from engine.corpus.synthesis.patch import TAU, Instrument, Patch, between
from engine.corpus.synthesis.room import to_stereo

VOWELS = {  # three formants: hertz, then their levels
    "mm": (260.0, 950.0, 2200.0, 1.0, 0.06, 0.02),
    "ooh": (330.0, 760.0, 2300.0, 1.0, 0.3, 0.03),
    "aah": (740.0, 1180.0, 2600.0, 1.0, 0.6, 0.25),
}
TUNE = (0, 2, 3, 5, 7, 8, 10, 12)


def _throat(patch: Patch, phase: Tensor, hertz: Tensor, vowels: Tensor) -> Tensor:
    """A glottal wave under the vowel's formants (B, 6), with breath."""
    number = harmonic_numbers(hertz, 64)
    place = number * hertz
    levels = 0.01 / number
    for rank in range(3):
        centre, level = vowels[:, rank : rank + 1], vowels[:, rank + 3 : rank + 4]
        lift = between(0.4, 2.2, patch.brightness) if rank else 1.0
        levels = levels + lift * level / (1 + ((place - centre) / (0.16 * centre + 40)) ** 2)
    wave = periodic(levels / number * (place < 9000), phase)
    air = between(600.0, 5000.0, patch.brightness)
    breath = bandpass(lowpass(patch.noise(), patch.rate, air), patch.rate, air, 0.7)
    return wave / wave.std(-1, keepdim=True).clamp(min=1e-6) + 0.025 * breath


def hum(patch: Patch) -> Tensor:
    """One hummed note: it scoops up to the pitch, wavers a few cents, and stops softly."""
    time = patch.time()
    cents = -60.0 * fall(time, 0.035) + 5.0 * wander(patch, 3.0)
    vibrato = 6.0 * torch.sin(TAU * 5.2 * time) * attack(time - 0.25, 0.4)
    moving = patch.hertz * 2 ** ((cents + vibrato) / 1200)
    phase = cycles(moving, patch.rate, patch.frames)
    sound = _throat(patch, phase, patch.hertz, patch.table(VOWELS))
    return to_stereo(sound * attack(time, 0.03) * gate(time, hold(patch), 0.04))


def melody(patch: Patch) -> Tensor:
    """Four to eight hummed notes of a minor scale, gliding into one another."""
    time = patch.time()
    steps = 8
    scale = torch.tensor(TUNE, device=patch.device, dtype=torch.float32)
    choice = (patch.uniform(0, 1, steps) * len(TUNE)).long().clamp(max=len(TUNE) - 1)
    length = patch.seconds * 0.94 / steps
    index = (time / length).long().clamp(max=steps - 1)
    targets = scale[choice]
    # A half of the notes repeat the one before: tunes are not scales.
    keep = patch.uniform(0, 1, steps) < 0.4
    for step in range(1, steps):
        targets[:, step] = torch.where(keep[:, step], targets[:, step - 1], targets[:, step])
    before = targets.gather(1, (index - 1).clamp(min=0))
    now = targets.gather(1, index)
    inside = time - index * length
    pitch = before + (now - before) * attack(inside, 0.06)
    root = torch.floor(patch.uniform(45.0, 60.0))
    moving = 440.0 * 2 ** ((root + pitch - 69.0) / 12) * 2 ** (wander(patch, 3.0) * 5 / 1200)
    vowels = torch.tensor([VOWELS["mm"]], device=patch.device).expand(patch.size, -1)
    middle = 440.0 * 2 ** ((root + 5.0 - 69.0) / 12)
    sound = _throat(patch, cycles(moving, patch.rate, patch.frames), middle, vowels)
    breath = 0.25 + 0.75 * attack(inside, 0.04) * gate(inside, 0.85 * length, 0.03)
    end = gate(time, patch.seconds * 0.94, 0.03)
    return to_stereo(sound * breath * attack(time, 0.03) * end)


def mouth_kick(patch: Patch) -> Tensor:
    """A "b": lips burst, a low thump of air."""
    time = patch.time()
    ring = between(0.03, 0.11, patch.decay)
    hertz = patch.uniform(75.0, 105.0) * (1 + 1.2 * fall(time, 0.015))
    thump = sine(cycles(hertz, patch.rate, patch.frames)) * fall(time, ring)
    burst = lowpass(patch.noise() * fall(time, 0.012), patch.rate, 900.0)
    puff = bandpass(patch.noise() * fall(time, 0.005), patch.rate, 2200.0, 0.8)
    mixed = thump + 1.2 * burst + (0.1 + 0.5 * patch.brightness) * puff
    return to_stereo(mixed * attack(time, 0.0012))


def mouth_snare(patch: Patch) -> Tensor:
    """A "pf" or "k": a burst high in the mouth and a breathy tail."""
    time = patch.time()
    ring = between(0.02, 0.14, patch.decay)
    spectrum = Spectrum(patch.noise() * (fall(time, 0.008) + 0.5 * fall(time, ring)), patch.rate)
    centre = between(1100.0, 3200.0, patch.brightness)
    shape = low(spectrum.hertz, 3 * centre) * high(spectrum.hertz, 0.35 * centre)
    thump = sine(cycles(patch.uniform(150.0, 220.0), patch.rate, patch.frames)) * fall(time, 0.025)
    return to_stereo((spectrum.filter(shape) + 0.3 * thump) * attack(time, 0.001))


def mouth_hat(patch: Patch) -> Tensor:
    """A "ts": teeth."""
    time = patch.time()
    ring = between(0.012, 0.09, patch.decay)
    spectrum = Spectrum(patch.noise() * (fall(time, ring) + 0.4 * fall(time, 0.003)), patch.rate)
    corner = between(3800.0, 6500.0, patch.brightness)
    shape = high(spectrum.hertz, corner, 1.4) * low(spectrum.hertz, 2.2 * corner)
    return to_stereo(spectrum.filter(shape) * attack(time, 0.002))


MOUTH: dict[str, Instrument] = {
    "hum": hum,
    "melody": melody,
    "beatbox kick": mouth_kick,
    "beatbox snare": mouth_snare,
    "beatbox hat": mouth_hat,
}
