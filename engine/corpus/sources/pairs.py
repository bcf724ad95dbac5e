"""Pairs for audio to audio: a hum or a beatbox bar, and an instrument that plays the same.

Both are one arrangement, note by note and hit by hit at the same moments, rendered twice. Training
process.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

import torch
from torch import Tensor
from torch.nn import functional

from engine.clip import SAMPLE_RATE_HZ
from engine.corpus.captions.captions import Plan, compose_caption
from engine.corpus.captions.lexicon import Kind, lexicon
from engine.corpus.instruments.instruments import INSTRUMENTS
from engine.corpus.instruments.loops import PLAYERS, play_arrangements
from engine.corpus.instruments.mouth import VOWELS
from engine.corpus.plans.arranging import SCALES, Arrangement, Line, arrange
from engine.corpus.plans.grooves import Moment
from engine.corpus.plans.planning import draw_plan
from engine.corpus.sources.rendered import (
    Sound,
    is_held_caption,
    is_held_combination,
    patch_of,
    seed_of,
    sound_of,
)
from engine.corpus.synthesis.finishing import finish

BEATS = 0.4
"""The share of pairs that are beatboxed, where a bar fits; the others are hummed."""
MOUTH_DRUM = {
    "kick": "beatbox kick",
    "snare": "beatbox snare",
    "clap": "beatbox snare",
    "rim": "beatbox snare",
    "closed hat": "beatbox hat",
    "open hat": "beatbox hat",
    "shaker": "beatbox hat",
}
"""Beatbox sounds by drum; other drums are not beatboxed."""
UNHUMMED = ("pad", "chord")
"""Tonal kinds that begin too slowly for a tune, or are more than one note."""
LOWEST_NOTE, HIGHEST_NOTE = 43, 62
"""Range of a tune's lowest note: voices of men and women."""
NOTE_STEPS = (2, 2, 4, 4, 4, 6, 8)
LEAPS = (-3, -2, -1, -1, 0, 0, 0, 1, 1, 2, 3)
"""From note to note, in degrees of the scale."""
SHORTEST_S = 0.8
WHOLE = 0.3
"""The share of tunes that are one long note."""
PLAYING = {**INSTRUMENTS, **PLAYERS}


@dataclass(frozen=True, slots=True)
class PairBatch:
    """Recordings and what they become, both (B, 2, T) float32, and what the latter are."""

    sources: Tensor
    audio: Tensor
    sounds: tuple[Sound, ...]


class PairCorpus:
    """Pairs by number: a batch is the same for the same seed, index, size and length."""

    def __init__(self, seed: int, sample_rate: int = SAMPLE_RATE_HZ) -> None:
        self.seed, self.sample_rate = seed, sample_rate
        self.book = lexicon()

    def batch(
        self, index: int, size: int, max_seconds: float, device: torch.device | str = "cpu"
    ) -> PairBatch:
        """Render batch `index`; no sound is longer than max_seconds."""
        seed = seed_of(f"pairs {self.seed}/{index}/{size}/{max_seconds}")
        rng = Random(seed)
        planned = [self._draw_pair(rng, max_seconds) for _ in range(size)]
        plans = [plan for plan, _, _ in planned]
        arrangements = [arrangement for _, arrangement, _ in planned]
        generator = torch.Generator(device).manual_seed(seed)
        frames = round(max_seconds * self.sample_rate)
        patch = patch_of(plans, self.sample_rate, frames, generator)
        audio = finish(play_arrangements(arrangements, patch, PLAYING), patch)
        dry = replace(
            patch,
            brightness=patch.uniform(0.0, 1.0),
            drive=torch.zeros_like(patch.drive),
            space=patch.uniform(0.0, 0.2),
        )
        hummed = [mouth_arrangement(arrangement, rng) for arrangement in arrangements]
        sources = finish(play_arrangements(hummed, dry, PLAYING), dry)
        rest = (0, frames - patch.frames)
        sounds = tuple(sound_of(plan, said) for plan, _, said in planned)
        return PairBatch(functional.pad(sources, rest), functional.pad(audio, rest), sounds)

    def _draw_pair(self, rng: Random, max_seconds: float) -> tuple[Plan, Arrangement, str]:
        beats = BEATS if self.book.kinds["loop"].seconds.low <= max_seconds else 0.0
        while True:
            plan, arrangement = (beat if rng.random() < beats else tune)(rng, max_seconds)
            said = compose_caption(plan, self.book, rng)
            if not is_held_combination(plan) and not is_held_caption(said):
                return plan, arrangement, said


def beat(rng: Random, max_seconds: float) -> tuple[Plan, Arrangement]:
    """Draw a drum loop that can be beatboxed."""
    kind = lexicon().kinds["loop"]
    while True:
        plan = draw_plan(kind, rng, max_seconds)
        if plan.form.key == "drums":
            arrangement = arrange(plan)
            lines = tuple(line for line in arrangement.lines if line.kind in MOUTH_DRUM)
            if lines:
                return plan, replace(arrangement, lines=lines)


def tune(rng: Random, max_seconds: float) -> tuple[Plan, Arrangement]:
    """A tune on one instrument, or a single long note."""
    kinds = [kind for kind in lexicon().kinds.values() if _is_hummed(kind)]
    plan = draw_plan(rng.choices(kinds, [kind.weight for kind in kinds])[0], rng, max_seconds)
    steps = rng.choice((8, 12, 16))
    seconds = rng.uniform(min(SHORTEST_S, max_seconds), max_seconds)
    lines = tuple(
        Line(
            plan.kind.key,
            plan.variant.key,
            plan.form.key,
            pitch,
            length,
            1.0,
            plan.value("decay"),
            tuple(moments),
        )
        for (pitch, length), moments in _notes(steps, rng).items()
    )
    arrangement = Arrangement(steps * 15.0 / seconds, 0.0, lines)
    return replace(plan, pitch=None, seconds=seconds), arrangement


def _notes(steps: int, rng: Random) -> dict[tuple[float, int], list[Moment]]:
    """A tune's moments by pitch (MIDI number) and length in steps, one note after the other."""
    scale = SCALES[rng.choice(("minor", "major"))]
    root, degree, step = rng.randint(LOWEST_NOTE, HIGHEST_NOTE), rng.randrange(8), 0
    found: dict[tuple[float, int], list[Moment]] = {}
    first = (steps,) if rng.random() < WHOLE else NOTE_STEPS
    while step < steps:
        length = min(rng.choice(NOTE_STEPS if step else first), steps - step)
        pitch = float(root + 12 * (degree // 7) + scale[degree % 7])
        moment = Moment(step, length, rng.uniform(0.8, 1.0))
        found.setdefault((pitch, length), []).append(moment)
        degree = min(7, max(0, degree + rng.choice(LEAPS)))
        step += length
    return found


def _is_hummed(kind: Kind) -> bool:
    return kind.family == "tonal" and kind.key not in UNHUMMED


def mouth_arrangement(arrangement: Arrangement, rng: Random) -> Arrangement:
    """Return the same arrangement, hummed or beatboxed."""
    vowel = rng.choice(tuple(VOWELS))
    kinds = lexicon().kinds
    lines = []
    for line in arrangement.lines:
        if line.pitch is None:
            kind = kinds[MOUTH_DRUM[line.kind]]
            lines.append(replace(line, kind=kind.key, variant="", form="", decay=rng.random()))
        else:
            lines.append(replace(line, kind="hum", variant=vowel, form=""))
    return replace(arrangement, lines=tuple(lines))
