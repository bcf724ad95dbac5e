"""Reverb, panning and stereo width. Training process."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.corpus.synthesis.filters import fast_length
from engine.corpus.synthesis.patch import TAU, Patch, between

BANDS = (250.0, 1500.0, 5000.0)  # hertz where the reverb's four decay times meet
DAMPING = (1.0, 0.9, 0.6, 0.32)  # share of the decay time in each band
DRY_BELOW = 0.2


def to_stereo(mono: Tensor) -> Tensor:
    """Return (B, T) on both sides alike, (B, 2, T)."""
    return mono.unsqueeze(1).expand(-1, 2, -1)


def pan(stereo: Tensor, place: Tensor) -> Tensor:
    """Pan (B, 2, T) by `place` (B, 1), -1 left to 1 right, small values keep both sides."""
    gains = torch.stack([(1 - place).clamp(max=1), (1 + place).clamp(max=1)], dim=1)
    return stereo * gains


def _tail(patch: Patch, decay: Tensor, frames: int) -> Tensor:
    """Decaying noise (B, 2, frames), darker as it fades; `decay` is the time to -60 dB."""
    length = fast_length(frames)
    time = torch.arange(length, device=patch.device) / patch.rate
    # White noise is white in its spectrum too, so it is drawn there.
    parts = patch.noise(4, length // 2 + 1)
    raw = torch.complex(parts[:, :2].contiguous(), parts[:, 2:].contiguous())
    hertz = torch.arange(raw.shape[-1], device=patch.device) * (patch.rate / length)
    edges = (0.0, *BANDS, 1e9)
    total = torch.zeros(patch.size, 2, length, device=patch.device)
    for lower, upper, damping in zip(edges[:-1], edges[1:], DAMPING, strict=True):
        part = torch.fft.irfft(raw * ((hertz >= lower) & (hertz < upper)), n=length)
        total += part * torch.exp(-6.9 * time / (decay.unsqueeze(1) * damping))
    total = total[..., :frames]
    energy: Tensor = total.square().sum((1, 2), keepdim=True)
    return total / energy.sqrt().clamp(min=1e-6)


def reverb(stereo: Tensor, patch: Patch) -> Tensor:
    """Add the room that `space` asks for: none below 0.2, a room at 0.4, a cathedral at 1."""
    places = [row for row, space in enumerate(patch.space[:, 0].tolist()) if space > DRY_BELOW]
    if not places:
        return stereo
    index = torch.tensor(places, device=patch.device)
    return stereo.index_copy(0, index, _add_wash(stereo[index], patch.rows(places)))


def _add_wash(stereo: Tensor, patch: Patch) -> Tensor:
    """Add reverb to sounds that all have some."""
    wet = ((patch.space - DRY_BELOW) / (1 - DRY_BELOW)).clamp(0, 1)
    decay = between(0.25, 4.0, wet)
    frames = min(stereo.shape[-1], int(float(decay.max()) * patch.rate))
    tail = _tail(patch, decay, frames)
    length = fast_length(stereo.shape[-1] + frames)
    mono = torch.fft.rfft(stereo, n=length)
    wash: Tensor = torch.fft.irfft(mono * torch.fft.rfft(tail, n=length), n=length)
    wash = wash[..., : stereo.shape[-1]]
    loudness: Tensor = stereo.square().mean((1, 2), keepdim=True).sqrt()
    wash = wash * loudness / wash.square().mean((1, 2), keepdim=True).sqrt().clamp(min=1e-6)
    return stereo + (wet * 0.85).unsqueeze(-1) * wash


def chorus(mono: Tensor, patch: Patch, depth: float = 0.0012, wet: float = 0.6) -> Tensor:
    """Widen (B, T) to (B, 2, T): one slowly moving delay per side; `depth` in seconds.

    Long chords of saws bear a `wet` of 0.6; a single tone needs less, or it fades in and out.
    """
    time = patch.time()
    rate = patch.uniform(0.3, 0.9)
    place = torch.arange(patch.frames, device=patch.device).unsqueeze(0)
    sides = []
    for offset in (0.0, 0.25):
        turn = torch.cos(TAU * (rate * time + offset))
        delay = (depth * (1.2 + turn)) * patch.rate
        position = (place - delay).clamp(min=0)
        index = position.long().clamp(max=patch.frames - 2)
        sides.append(torch.lerp(mono.gather(1, index), mono.gather(1, index + 1), position - index))
    return mono.unsqueeze(1) * (1 - 0.4 * wet) + wet * torch.stack(sides, dim=1)
