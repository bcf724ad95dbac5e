"""Tones from nothing: band-limited waves, decaying modes, metal. Training process."""

from math import sqrt

import torch
from torch import Tensor

from engine.training.corpus.patch import TAU

TABLE = 4096
AUDIBLE = 19000.0


def cycles(hertz: Tensor, rate: int, frames: int) -> Tensor:
    """Phase in cycles within [0, 1) of a constant (B, 1) or moving (B, T) frequency; starts at 0.

    Summed in double precision so that the pitch stays exact in long sounds.
    """
    if hertz.shape[-1] == 1:
        steps = torch.arange(frames, device=hertz.device, dtype=torch.float64)
        return (hertz.double() * steps / rate).remainder(1.0).float()
    step = hertz[:, :frames].double() / rate
    return (step.cumsum(-1) - step).remainder(1.0).float()


def sine(phase: Tensor) -> Tensor:
    """A sine of a phase in cycles."""
    return torch.sin(TAU * phase)


def periodic(harmonics: Tensor, phase: Tensor) -> Tensor:
    """A wave with sine harmonics of amplitudes (B, K), read at phases (B, T) in cycles: (B, T)."""
    count = min(harmonics.shape[1], TABLE // 2 - 1)
    spectrum = torch.zeros(
        harmonics.shape[0], TABLE // 2 + 1, dtype=torch.complex64, device=phase.device
    )
    spectrum[:, 1 : count + 1] = torch.complex(
        torch.zeros_like(harmonics[:, :count]), -0.5 * TABLE * harmonics[:, :count]
    )
    table = torch.fft.irfft(spectrum, n=TABLE)
    table = torch.cat([table, table[:, :1]], dim=1)
    place = phase * TABLE
    index = place.long().clamp_(0, TABLE - 1)
    left = table.gather(1, index)
    right = table.gather(1, index + 1)
    return torch.lerp(left, right, place - index)


def harmonic_numbers(hertz: Tensor, limit: int = 512) -> Tensor:
    """1, 2, 3 ... up to what the lowest of the (B, 1) notes can hold below AUDIBLE, (1, K)."""
    count = int(min(limit, max(1.0, AUDIBLE / float(hertz.min()))))
    return torch.arange(1, count + 1, device=hertz.device, dtype=torch.float32).unsqueeze(0)


def saw_harmonics(hertz: Tensor) -> Tensor:
    """Sawtooth amplitudes for notes (B, 1), none above AUDIBLE, (B, K)."""
    number = harmonic_numbers(hertz)
    return (2 / torch.pi) / number * (number * hertz < AUDIBLE)


def pulse_harmonics(hertz: Tensor, width: Tensor | float = 0.5) -> Tensor:
    """Pulse wave amplitudes for notes (B, 1); `width` is the duty cycle, 0.5 a square."""
    number = harmonic_numbers(hertz)
    return (
        torch.sin(torch.pi * number * width) * (4 / torch.pi) / number * (number * hertz < AUDIBLE)
    )


def modes(frequencies: Tensor, decays: Tensor, levels: Tensor, time: Tensor, rate: int) -> Tensor:
    """A sum of decaying sines, each (B, M): hertz, seconds to fall by e, amplitude."""
    levels = levels * (frequencies < AUDIBLE)
    total = torch.zeros(frequencies.shape[0], time.shape[-1], device=time.device)
    for mode in range(frequencies.shape[1]):
        pitch, decay = frequencies[:, mode : mode + 1], decays[:, mode : mode + 1]
        # Eight time constants are -70 dB: beyond that nothing is left to add.
        heard = min(time.shape[-1], int(8 * float(decay.max()) * rate) + 1)
        phase = cycles(pitch, rate, heard)
        ring = torch.exp(-time[:, :heard] / decay) * levels[:, mode : mode + 1]
        total[:, :heard] += torch.sin(TAU * phase) * ring
    return total


def metal(frequencies: Tensor, frames: int, rate: int) -> Tensor:
    """Hard square waves at inharmonic frequencies (B, M), summed to unit level: (B, T)."""
    total = torch.zeros(frequencies.shape[0], frames, device=frequencies.device)
    for column in range(frequencies.shape[1]):
        phase = cycles(frequencies[:, column : column + 1], rate, frames)
        total += torch.where(phase < 0.5, 1.0, -1.0)
    return total / sqrt(frequencies.shape[1])
