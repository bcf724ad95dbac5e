"""Drums of skin and circuit: kicks, snares, claps, rims, toms. Training process."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.corpus.synthesis.envelopes import attack, fall
from engine.corpus.synthesis.filters import Spectrum, band, high, highpass, low, lowpass
from engine.corpus.synthesis.oscillators import modes
from engine.corpus.synthesis.patch import TAU, Instrument, Patch, between
from engine.corpus.synthesis.room import to_stereo

KICK = {  # end hertz, start over end, sweep seconds, shortest and longest decay, click, own drive
    "808": (47.0, 3.2, 0.012, 0.07, 0.50, 0.25, 0.6),
    "909": (52.0, 5.5, 0.022, 0.05, 0.22, 0.6, 1.8),
    "606": (64.0, 2.4, 0.010, 0.04, 0.14, 0.3, 0.8),
    "acoustic": (58.0, 1.7, 0.018, 0.05, 0.16, 1.0, 0.5),
}
SNARE_MODES = {
    "808": (182.0, 331.0, 0.0, 0.0),
    "909": (168.0, 268.0, 0.0, 0.0),
    "606": (226.0, 410.0, 0.0, 0.0),
    "acoustic": (192.0, 306.0, 447.0, 622.0),
}
SNARE = {  # longest body decay, noise share, high-pass of the noise, pitch bend
    "808": (0.075, 0.65, 1500.0, 0.1),
    "909": (0.060, 0.9, 900.0, 0.8),
    "606": (0.045, 0.9, 2400.0, 0.2),
    "acoustic": (0.090, 0.8, 450.0, 0.15),
}
RIM_MODES = {
    "808": (1667.0, 455.0, 3300.0),
    "909": (1010.0, 505.0, 2250.0),
    "acoustic": (820.0, 1730.0, 2890.0),
}
TOM_PITCH = {"low": 84.0, "mid": 126.0, "high": 188.0}
TOM = {  # bend, bend seconds, shortest and longest decay, noise, second mode
    "808": (0.35, 0.06, 0.07, 0.38, 0.05, 0.0),
    "909": (0.9, 0.05, 0.06, 0.30, 0.10, 0.15),
    "acoustic": (0.25, 0.05, 0.06, 0.28, 0.14, 0.5),
}


def falling_sine(time: Tensor, end: Tensor, extra: Tensor, seconds: Tensor) -> Tensor:
    """A sine falling from `end + extra` to `end` hertz, exponentially: (B, T)."""
    phase = end * time + extra * seconds * (1 - torch.exp(-time / seconds))
    return torch.sin(TAU * phase)


def kick(patch: Patch) -> Tensor:
    """A sine with a fast fall in pitch, a click, and the machine's own saturation."""
    time = patch.time()
    end, start, sweep, short, long, click, own = patch.columns(KICK)
    end = end * patch.uniform(0.9, 1.12)
    body = falling_sine(time, end, end * (start * patch.uniform(0.85, 1.2) - 1), sweep)
    ring = between(short, long, patch.decay) * patch.uniform(0.95, 1.05)
    body = body * fall(time, ring) * attack(time, 0.0007)
    body = torch.tanh((1 + own) * body) / torch.tanh(1 + own)
    burst = patch.noise() * fall(time, 0.0012 + 0.002 * patch.uniform(0, 1))
    spectrum = Spectrum(burst, patch.rate)
    bright = between(600.0, 9000.0, patch.brightness)
    burst = spectrum.filter(low(spectrum.hertz, bright) * high(spectrum.hertz, 250.0))
    burst = burst / burst.abs().amax(-1, keepdim=True).clamp(min=1e-6)
    skin = modes(
        end * torch.tensor([[2.3, 3.6, 5.1]], device=patch.device),
        ring * torch.tensor([[0.35, 0.22, 0.15]], device=patch.device),
        patch.lookup({"808": 0, "909": 0, "606": 0, "acoustic": 0.16}).expand(-1, 3),
        time,
        patch.rate,
    )
    mixed = body + skin + click * (0.06 + 0.6 * patch.brightness**1.5) * burst
    return to_stereo(lowpass(mixed, patch.rate, between(700.0, 16000.0, patch.brightness)))


def snare(patch: Patch) -> Tensor:
    """Two (or four) modes of the skin, and the snare wires as filtered noise."""
    time = patch.time()
    body_decay, share, corner, bend = patch.columns(SNARE)
    tune = patch.uniform(0.88, 1.16)
    pitches = patch.table(SNARE_MODES) * tune
    body_decay = body_decay * between(0.35, 1.3, patch.decay)
    body = torch.zeros(patch.size, patch.frames, device=patch.device)
    for column, level in enumerate((1.0, 0.6, 0.35, 0.25)):
        pitch = pitches[:, column : column + 1]
        tone = falling_sine(time, pitch, pitch * bend, torch.full_like(bend, 0.012))
        body += level * tone * fall(time, body_decay / (1 + 0.6 * column)) * (pitch > 0)
    wires = patch.noise()
    spectrum = Spectrum(wires, patch.rate)
    top = between(2800.0, 15000.0, patch.brightness)
    wires = spectrum.filter(low(spectrum.hertz, top, 0.8) * high(spectrum.hertz, corner))
    wires = wires / wires.std(-1, keepdim=True).clamp(min=1e-6)
    ring = between(0.025, 0.26, patch.decay)
    hiss = 0.7 * fall(time, ring) + 0.5 * fall(time, 0.012)
    share = share * between(0.6, 1.2, patch.brightness) * patch.uniform(0.8, 1.2)
    mixed = body * attack(time, 0.0006) + 0.42 * share * wires * hiss
    return to_stereo(mixed)


def clap(patch: Patch) -> Tensor:
    """Several hands a few milliseconds apart, then the tail they leave."""
    time = patch.time()
    machine = patch.lookup({"808": 1.0, "909": 1.0, "acoustic": 0.0})
    level = torch.zeros(patch.size, patch.frames, device=patch.device)
    start = torch.zeros(patch.size, 1, device=patch.device)
    for hand in range(4):
        last = hand == 3
        width = 0.004 if not last else 0.008
        level += (1.1 if last else 1.0) * fall(time - start, width * patch.uniform(0.8, 1.2))
        spread = torch.where(machine > 0, patch.uniform(0.009, 0.0115), patch.uniform(0.003, 0.013))
        start = start + spread
    tail = between(0.022, 0.22, patch.decay)
    level += 0.35 * fall(time - 0.028, tail)
    noise = patch.noise(2)
    wide = patch.lookup({"808": 0.12, "909": 0.2, "acoustic": 0.45}).unsqueeze(-1)
    noise = (1 - wide) * noise[:, :1] + wide * noise
    centre = between(750.0, 2100.0, patch.brightness) * patch.uniform(0.9, 1.1)
    spectrum = Spectrum(noise * level.unsqueeze(1), patch.rate)
    body = band(spectrum.hertz, centre, patch.lookup({"808": 1.6, "909": 1.1, "acoustic": 0.8}))
    air = high(spectrum.hertz, 2 * centre) * low(spectrum.hertz, 3.5 * centre)
    response = body + (0.08 + 0.3 * patch.brightness) * air
    return spectrum.filter((response * high(spectrum.hertz, 350.0)).unsqueeze(1))


def rim(patch: Patch) -> Tensor:
    """A stick on the rim: three short modes and a click."""
    time = patch.time()
    pitches = patch.table(RIM_MODES) * patch.uniform(0.9, 1.12)
    ring = between(0.004, 0.035, patch.decay)
    spread = torch.tensor([[1.0, 0.9, 0.5]], device=patch.device)
    levels = torch.cat(
        [torch.ones_like(ring), 0.7 * torch.ones_like(ring), 0.2 + patch.brightness], dim=1
    )
    body = modes(pitches, ring * spread, levels, time, patch.rate)
    click = highpass(patch.noise() * fall(time, 0.0015), patch.rate, 1500.0)
    mixed = body + (0.1 + 0.7 * patch.brightness) * click
    return to_stereo(lowpass(mixed, patch.rate, between(2500.0, 16000.0, patch.brightness)))


def tom(patch: Patch) -> Tensor:
    """A skin whose pitch bends a little; the form says low, mid or high."""
    time = patch.time()
    bend, bend_time, short, long, hiss, second = patch.columns(TOM)
    pitch = patch.lookup(TOM_PITCH, patch.forms) * patch.uniform(0.9, 1.1)
    ring = between(short, long, patch.decay) * (120.0 / pitch) ** 0.3
    body = falling_sine(time, pitch, pitch * bend, bend_time) * fall(time, ring)
    over = falling_sine(time, pitch * 1.59, pitch * bend, bend_time) * fall(time, ring * 0.45)
    top = falling_sine(time, pitch * 2.33, pitch * bend, bend_time) * fall(time, ring * 0.3)
    stick = patch.noise() * (fall(time, 0.004) + 0.4 * fall(time, 0.05))
    stick = lowpass(stick, patch.rate, between(500.0, 9000.0, patch.brightness))
    overtones = second * (over + 0.5 * top) * (0.4 + patch.brightness)
    mixed = body + overtones + hiss * (0.5 + 3 * patch.brightness) * stick
    mixed = mixed * attack(time, 0.0008)
    return to_stereo(lowpass(mixed, patch.rate, between(600.0, 14000.0, patch.brightness)))


DRUMS: dict[str, Instrument] = {"kick": kick, "snare": snare, "clap": clap, "rim": rim, "tom": tom}
