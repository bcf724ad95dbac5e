"""Hand percussion: congas, bongos, tambourine, snaps, wood. Training process."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.corpus.instruments.drums import falling_sine
from engine.corpus.synthesis.envelopes import attack, fall
from engine.corpus.synthesis.filters import Spectrum, band, high, highpass, low, lowpass
from engine.corpus.synthesis.grains import scatter
from engine.corpus.synthesis.oscillators import modes
from engine.corpus.synthesis.patch import ROUNDED_TAU, Instrument, Patch, between
from engine.corpus.synthesis.room import to_stereo

SKIN = {  # hertz by form, longest decay
    "conga": ({"low": 165.0, "high": 235.0}, 0.20),
    "bongo": ({"low": 310.0, "high": 430.0}, 0.10),
}


def _hand_drum(patch: Patch, pitches: dict[str, float], longest: float) -> Tensor:
    """A small tuned skin under a hand: a bending tone, two overtones, a slap."""
    time = patch.time()
    pitch = patch.lookup(pitches, patch.forms) * patch.uniform(0.93, 1.08)
    ring = between(0.025, longest, patch.decay)
    bend = torch.full_like(pitch, 0.01)
    body = falling_sine(time, pitch, 0.25 * pitch, bend) * fall(time, ring)
    over = falling_sine(time, 1.57 * pitch, 0.2 * pitch, bend) * fall(time, 0.4 * ring)
    top = falling_sine(time, 2.61 * pitch, 0.2 * pitch, bend) * fall(time, 0.25 * ring)
    slap = Spectrum(patch.noise() * fall(time, 0.005), patch.rate)
    hand = slap.filter(band(slap.hertz, between(700.0, 5000.0, patch.brightness), 0.8))
    mixed = body + (0.3 + patch.brightness) * (0.35 * over + 0.2 * top)
    return to_stereo((mixed + (0.3 + patch.brightness) * hand) * attack(time, 0.0008))


def conga(patch: Patch) -> Tensor:
    """A conga, open."""
    return _hand_drum(patch, *SKIN["conga"])


def bongo(patch: Patch) -> Tensor:
    """A bongo."""
    return _hand_drum(patch, *SKIN["bongo"])


def tambourine(patch: Patch) -> Tensor:
    """A dozen jingles, each a high bell, struck within a few milliseconds of one another."""
    frames = int(0.5 * patch.rate)
    time = torch.arange(frames, device=patch.device) / patch.rate
    count = 14
    pitch = between(3800.0, 6500.0, patch.brightness) * 2 ** patch.uniform(-0.5, 1.0, count)
    ring = between(0.025, 0.2, patch.decay) * patch.uniform(0.6, 1.2, count)
    level = patch.uniform(0.4, 1.0, count).unsqueeze(-1)
    phase = (pitch.unsqueeze(-1) * time) % 1.0
    grains = level * torch.sin(ROUNDED_TAU * phase) * torch.exp(-time / ring.unsqueeze(-1))
    starts = patch.uniform(0.0, 0.02, count) * (patch.uniform(0, 1, count) > 0.25)
    jingles = scatter(grains, starts, patch.frames, patch.rate)
    hiss = highpass(patch.noise(), patch.rate, 5000.0) * fall(patch.time(), 0.35 * ring[:, :1])
    # A jingle that starts within a sample would click below its own pitch.
    return to_stereo(highpass(jingles + 0.5 * hiss, patch.rate, 3200.0))


def snap(patch: Patch) -> Tensor:
    """Fingers: a thin click, then a hollow of one or two kilohertz."""
    time = patch.time()
    level = 0.5 * fall(time, 0.001) + fall(time - 0.006, between(0.005, 0.05, patch.decay))
    spectrum = Spectrum(patch.noise() * level, patch.rate)
    centre = between(1300.0, 2900.0, patch.brightness) * patch.uniform(0.95, 1.05)
    hollow = band(spectrum.hertz, centre, 3.0) + 0.15 * high(spectrum.hertz, 2 * centre)
    top = low(spectrum.hertz, between(5000.0, 16000.0, patch.brightness))
    return to_stereo(spectrum.filter(hollow * top))


def wood(patch: Patch) -> Tensor:
    """A clave or a block: two or three dry modes."""
    time = patch.time()
    pitch = patch.lookup({"clave": 2450.0, "block": 920.0}) * patch.uniform(0.88, 1.14)
    ratios = torch.tensor([[1.0, 1.52, 2.91]], device=patch.device)
    levels = torch.cat([torch.ones_like(pitch), *(2 * [patch.brightness])], dim=1)
    ring = between(0.008, 0.05, patch.decay) * torch.tensor([[1.0, 0.6, 0.4]], device=patch.device)
    body = modes(pitch * ratios, ring, levels, time, patch.rate)
    tick = lowpass(patch.noise() * fall(time, 0.001), patch.rate, 3 * pitch)
    return to_stereo((body + 0.5 * patch.brightness * tick) * attack(time, 0.0004))


PERCUSSION: dict[str, Instrument] = {
    "conga": conga,
    "bongo": bongo,
    "tambourine": tambourine,
    "snap": snap,
    "wood": wood,
}
