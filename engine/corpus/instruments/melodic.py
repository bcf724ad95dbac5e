"""Notes one after the other: scales and arpeggios in a key. Training process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from engine.corpus.instruments.orchestra import VOICINGS
from engine.corpus.synthesis.patch import Instrument, Patch

SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11, 12),
    "minor": (0, 2, 3, 5, 7, 8, 10, 12),
    "major pentatonic": (0, 2, 4, 7, 9, 12),
    "minor pentatonic": (0, 3, 5, 7, 10, 12),
}
ARPEGGIOS = {
    "major": (0, 4, 7, 12, 16, 12, 7, 4),
    "minor": (0, 3, 7, 12, 15, 12, 7, 3),
    "major seventh": (0, 4, 7, 11, 12, 11, 7, 4),
    "minor seventh": (0, 3, 7, 10, 12, 10, 7, 3),
}
RING_S = 0.12
"""What a note may ring into the next one."""


def _one_after_the_other(patch: Patch, steps: Mapping[str, tuple[int, ...]]) -> Tensor:
    """The form's semitones above the root, evenly over the length, each rendered by itself."""
    counts = [len(steps[form]) for form in patch.forms]
    count = torch.tensor(counts, dtype=torch.float32, device=patch.device).unsqueeze(1)
    slot = patch.seconds / count
    starts = (slot * patch.rate).squeeze(1)
    frames = min(patch.frames, int(float(slot.max() + RING_S) * patch.rate))
    total = torch.zeros(patch.size, 2, patch.frames, device=patch.device)
    for place in range(max(counts)):
        rises = patch.lookup({form: float(steps[form][place % len(steps[form])])
                              for form in set(patch.forms)}, patch.forms)  # fmt: skip
        note = replace(
            patch, hertz=patch.hertz * 2 ** (rises / 12), seconds=slot + RING_S, frames=frames
        )
        sound = VOICINGS[patch.variants[0]](note)
        for row in range(patch.size):
            begin = round(place * float(starts[row]))
            length = min(frames, patch.frames - begin)
            if place < counts[row] and length > 0:
                total[row, :, begin : begin + length] += sound[row, :, :length]
    return total


def scale(patch: Patch) -> Tensor:
    """From the root to its octave."""
    return _one_after_the_other(patch, SCALES)


def arpeggio(patch: Patch) -> Tensor:
    """A chord's notes up and down again."""
    return _one_after_the_other(patch, ARPEGGIOS)


MELODIC: dict[str, Instrument] = {
    **{f"scale {name}": scale for name in VOICINGS},
    **{f"arpeggio {name}": arpeggio for name in VOICINGS},
}
