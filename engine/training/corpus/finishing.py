"""What every sound goes through last: drive, room, place, fade, level. Training process."""

import torch
from torch import Tensor

from engine.training.corpus.envelopes import fade_out
from engine.training.corpus.filters import Spectrum, high
from engine.training.corpus.patch import Patch, between
from engine.training.corpus.room import panned, reverb

CLEAN_BELOW = 0.2
UNEVEN = 0.04  # steady offset over loudness, where it begins to matter


def driven(stereo: Tensor, drive: Tensor, rate: int) -> Tensor:
    """Saturates (B, 2, T) by `drive` (B, 1): untouched below 0.2, a fuzz at 1."""
    amount = ((drive - CLEAN_BELOW) / (1 - CLEAN_BELOW)).clamp(0, 1).unsqueeze(-1)
    gain = between(0.6, 14.0, amount)
    level = stereo / stereo.abs().amax((1, 2), keepdim=True).clamp(min=1e-6)
    hot = torch.tanh(gain * level) / torch.tanh(gain)
    return _levelled(torch.where(amount > 0, hot, level), rate)


def _levelled(stereo: Tensor, rate: int) -> Tensor:
    """Takes away the steady offset that bending an uneven wave leaves behind."""
    offset = stereo.mean(-1).abs().amax(1) / stereo.square().mean((1, 2)).sqrt().clamp(min=1e-6)
    rows = (offset > UNEVEN).nonzero()[:, 0]
    if not len(rows):
        return stereo
    spectrum = Spectrum(stereo[rows], rate)
    return stereo.index_copy(0, rows, spectrum.filtered(high(spectrum.hertz, 14.0)))


def finished(stereo: Tensor, patch: Patch) -> Tensor:
    """Drive, room, a little panning, the fade at `seconds`, and a peak near -1 dBFS."""
    sound = driven(stereo, patch.drive, patch.rate)
    sound = reverb(sound, patch)
    sound = panned(sound, patch.uniform(-0.12, 0.12))
    # A loop must join its own start: its fade is only long enough not to click.
    looped = any(plan.bpm is not None for plan in patch.plans)
    fade = (0.15 * patch.seconds).clamp(max=0.003 if looped else 0.03)
    end = torch.floor(patch.seconds * patch.rate - 1) / patch.rate
    sound = sound * fade_out(patch.time(), end, fade).unsqueeze(1)
    peak = 10 ** (-patch.uniform(0.6, 1.4).unsqueeze(-1) / 20)
    return sound * peak / sound.abs().amax((1, 2), keepdim=True).clamp(min=1e-6)
