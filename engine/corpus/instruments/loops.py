"""Render loops: every line's sound once, copied to its moments on the grid. Training process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from engine.corpus.instruments.cymbals import CYMBALS
from engine.corpus.instruments.drums import DRUMS
from engine.corpus.instruments.mouth import MOUTH
from engine.corpus.instruments.orchestra import VOICINGS
from engine.corpus.instruments.percussion import PERCUSSION
from engine.corpus.instruments.synths import SYNTHS
from engine.corpus.plans.arranging import Arrangement, Line, arrange
from engine.corpus.plans.grooves import seconds_at
from engine.corpus.synthesis.envelopes import fade_out
from engine.corpus.synthesis.patch import Instrument, Patch

RING = 0.7  # seconds a drum may ring; cymbals are cut there too, by a fade
PLAYERS: dict[str, Instrument] = {
    **DRUMS,
    **CYMBALS,
    **PERCUSSION,
    **MOUTH,
    **SYNTHS,
    **{f"note {name}": voice for name, voice in VOICINGS.items()},
}


@dataclass(frozen=True, slots=True)
class Part:
    """A line of one of the batch's loops; `place` is the loop's row."""

    place: int
    line: Line
    seconds: float


def _player(line: Line, players: Mapping[str, Instrument]) -> str:
    own = f"{line.kind} {line.variant}"
    return own if own in players else line.kind


def _parts(
    arrangements: list[Arrangement], players: Mapping[str, Instrument]
) -> dict[str, list[Part]]:
    """All lines of all loops, those of one instrument together."""
    groups: dict[str, list[Part]] = {}
    for place, arrangement in enumerate(arrangements):
        for line in arrangement.lines:
            held = line.length * 15.0 / arrangement.bpm
            part = Part(place, line, held + 0.05 if line.length else RING)
            groups.setdefault(_player(line, players), []).append(part)
    return groups


def _part_patch(parts: list[Part], patch: Patch) -> Patch:
    """The parts as a patch: brightness as the loop's, all else as the line says."""
    device = patch.device

    def column(numbers: list[float]) -> Tensor:
        return torch.tensor(numbers, dtype=torch.float32, device=device).unsqueeze(1)

    rows = torch.tensor([part.place for part in parts], device=device)
    pitches = [69.0 if part.line.pitch is None else part.line.pitch for part in parts]
    longest = max(part.seconds for part in parts)
    return replace(
        patch,
        variants=tuple(part.line.variant for part in parts),
        forms=tuple(part.line.form for part in parts),
        seconds=column([part.seconds for part in parts]),
        hertz=column([440.0 * 2.0 ** ((pitch - 69.0) / 12.0) for pitch in pitches]),
        brightness=patch.brightness[rows],
        decay=column([part.line.decay for part in parts]),
        drive=torch.zeros(len(parts), 1, device=device),
        space=torch.zeros(len(parts), 1, device=device),
        frames=min(patch.frames, round(longest * patch.rate)),
        plans=(),
    )


def _add_line(
    total: Tensor, sound: Tensor, part: Part, arrangement: Arrangement, rate: int
) -> None:
    """Add one line's sound (2, L) to its loop (2, T) at every moment."""
    for moment in part.line.moments:
        start = round(seconds_at(moment.step, arrangement.bpm, arrangement.swing) * rate)
        end = min(total.shape[-1], start + sound.shape[-1])
        if end > start:
            total[:, start:end] += (moment.level * part.line.level) * sound[:, : end - start]


def play_arrangements(
    arrangements: list[Arrangement], patch: Patch, players: Mapping[str, Instrument] = PLAYERS
) -> Tensor:
    """Play the arrangements as the patch's items: (B, 2, T)."""
    total = torch.zeros(patch.size, 2, patch.frames, device=patch.device)
    for player, parts in _parts(arrangements, players).items():
        own = _part_patch(parts, patch)
        sounds = players[player](own)
        sounds = sounds * fade_out(own.time(), own.seconds - 0.001, 0.02).unsqueeze(1)
        sounds = sounds / sounds.abs().amax((1, 2), keepdim=True).clamp(min=1e-6)
        for sound, part in zip(sounds, parts, strict=True):
            _add_line(total[part.place], sound, part, arrangements[part.place], patch.rate)
    return total


def loop(patch: Patch) -> Tensor:
    """The planned loops, each as long as its bars: (B, 2, T)."""
    return play_arrangements([arrange(plan) for plan in patch.plans], patch)


LOOPS: dict[str, Instrument] = {"loop": loop, "beatbox loop": loop}
