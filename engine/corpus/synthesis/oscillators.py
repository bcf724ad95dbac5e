"""Oscillators: band-limited waves, decaying modes, metal. Training process."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor

from engine.corpus.synthesis.patch import TAU

TABLE = 4096
AUDIBLE = 19000.0
BLOCK = 256


def _grid(frames: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The first frame of every block of BLOCK that `frames` needs, and the frames of one block."""
    blocks = torch.arange(-(-frames // BLOCK), device=device, dtype=torch.float64) * BLOCK
    return blocks, torch.arange(BLOCK, device=device, dtype=torch.float64)


def cycles(hertz: Tensor, rate: int, frames: int) -> Tensor:
    """Phase in cycles within [0, 1) of a constant (B, 1) or moving (B, T) frequency; starts at 0.

    Summed in double precision so that the pitch stays exact in long sounds.
    """
    if hertz.shape[-1] == 1:
        # Double precision for each block's start and one block's inside; the sum is then short.
        block, inside = _grid(frames, hertz.device)
        turns = hertz.double() / rate
        start = (turns * block).remainder(1.0).float().unsqueeze(-1)
        within = (turns * inside).remainder(1.0).float().unsqueeze(1)
        return (start + within).flatten(1)[:, :frames].frac()
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
    """A sum of decaying sines, each (B, M): hertz, seconds to fall by e, amplitude. Gives (B, T).

    exp((jw - 1/d) t) is a product of a block's part and a part inside the block, so the sum over
    all modes is one matrix product.
    """
    frames = time.shape[-1]
    block, inside = _grid(frames, time.device)
    levels = levels * (frequencies < AUDIBLE)
    parts = []
    for moments in (block, inside):
        turn = (frequencies.double().unsqueeze(-1) / rate * moments).remainder(1.0).float() * TAU
        ring = torch.exp(-moments.float() / rate / decays.unsqueeze(-1))
        parts.append((torch.sin(turn) * ring, torch.cos(turn) * ring))
    (block_sin, block_cos), (inner_sin, inner_cos) = parts
    left = torch.cat([block_sin, block_cos], dim=1) * levels.repeat(1, 2).unsqueeze(-1)
    right = torch.cat([inner_cos, inner_sin], dim=1)
    return torch.bmm(left.transpose(1, 2), right).flatten(1)[:, :frames]


def metal(frequencies: Tensor, frames: int, rate: int) -> Tensor:
    """Hard square waves at inharmonic frequencies (B, M), summed to unit level: (B, T)."""
    total = torch.zeros(frequencies.shape[0], frames, device=frequencies.device)
    for column in range(frequencies.shape[1]):
        phase = cycles(frequencies[:, column : column + 1], rate, frames)
        total += torch.where(phase < 0.5, 1.0, -1.0)
    return total / sqrt(frequencies.shape[1])
