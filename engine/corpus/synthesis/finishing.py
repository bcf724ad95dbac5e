"""Final processing of every sound: drive, reverb, panning, fade, level. Training process."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.corpus.synthesis.envelopes import fade_out
from engine.corpus.synthesis.filters import Spectrum, high, low
from engine.corpus.synthesis.patch import Patch, between
from engine.corpus.synthesis.room import pan, reverb

CLEAN_BELOW = 0.2
LOWEST = 14.0  # hertz; below it lies only the offset that bending an uneven wave leaves behind
BODY = 0.97  # share of the power that counts as the clean sound's own band


def saturate(stereo: Tensor, patch: Patch) -> Tensor:
    """Saturate (B, 2, T) by `drive`: untouched below 0.2, a fuzz at 1. Peaks at 1."""
    level = stereo / stereo.abs().amax((1, 2), keepdim=True).clamp(min=1e-6)
    places = [row for row, drive in enumerate(patch.drive[:, 0].tolist()) if drive > CLEAN_BELOW]
    if not places:
        return level
    rows = torch.tensor(places, device=patch.device)
    return level.index_copy(0, rows, _distort(level[rows], patch.rows(places)))


def _distort(stereo: Tensor, patch: Patch) -> Tensor:
    """Saturate sounds that all have some drive, with a tone control after the distortion.

    Bending adds harmonics above and differences below. Above, only some octaves over the clean
    sound's band stay, or a dark sound would turn bright; below the note, nothing, or a bell would
    change its pitch.
    """
    amount = ((patch.drive - CLEAN_BELOW) / (1 - CLEAN_BELOW)).clamp(0, 1).unsqueeze(-1)
    gain = between(0.6, 14.0, amount)
    bent = Spectrum(torch.tanh(gain * stereo) / torch.tanh(gain), patch.rate)
    power = Spectrum(stereo.mean(1), patch.rate).bins.abs().square().cumsum(-1)
    edge = bent.hertz[(power < BODY * power[:, -1:]).sum(-1).clamp(max=len(bent.hertz) - 1)]
    top = (edge.unsqueeze(1) * between(2.0, 10.0, patch.brightness)).clamp(400.0, 20000.0)
    pitched = torch.tensor([[plan.pitch is not None] for plan in patch.plans], device=patch.device)
    floor = torch.where(pitched, 0.55 * patch.hertz, LOWEST)
    return bent.filter((high(bent.hertz, floor) * low(bent.hertz, top)).unsqueeze(1))


def finish(stereo: Tensor, patch: Patch) -> Tensor:
    """Apply drive, room, a little panning, the fade at `seconds`, and a peak near -1 dBFS."""
    sound = reverb(saturate(stereo, patch), patch)
    sound = pan(sound, patch.uniform(-0.12, 0.12))
    # A loop must join its own start: its fade is only long enough not to click.
    looped = any(plan.bpm is not None for plan in patch.plans)
    fade = (0.15 * patch.seconds).clamp(max=0.003 if looped else 0.03)
    end = torch.floor(patch.seconds * patch.rate - 1) / patch.rate
    sound = sound * fade_out(patch.time(), end, fade).unsqueeze(1)
    peak = 10 ** (-patch.uniform(0.6, 1.4).unsqueeze(-1) / 20)
    return sound * peak / sound.abs().amax((1, 2), keepdim=True).clamp(min=1e-6)
