"""Descriptor statistics by kind, measured on rendered sounds: a bright kick is a dark hat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from random import Random
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from engine.clip import SAMPLE_RATE_HZ, Clip
from engine.corpus.captions.captions import Plan
from engine.corpus.captions.lexicon import Kind, lexicon
from engine.corpus.plans.planning import draw_plan
from engine.corpus.sources.rendered import is_held_combination, render
from engine.evaluation.measures.descriptors import Descriptors, describe, power_spectrum

Traits = NDArray[np.float64]
"""One sound as numbers of about the same meaning each: see `measure_traits`."""

SOUNDS_OF_A_KIND = 32
LONGEST_S = 4.0
RENDER_BATCH = 8
SEED = 9001
"""Differs from every seed of training and evaluation."""
HALF_OCTAVES = 50.0 * 2 ** (np.arange(18) / 2)
RIDGE = 0.1
NEAREST = 5
BRIGHTNESS, DECAY = 0, 1


def measure_traits(clip: Clip, found: Descriptors | None = None) -> Traits:
    """Return a sound's descriptors on perceptual scales, and its spectrum in half octaves (dB)."""
    found = describe(clip) if found is None else found
    mono = clip.stereo().samples.astype(np.float64).mean(axis=1)
    power, frequency = power_spectrum(mono, clip.rate)
    places = np.searchsorted(HALF_OCTAVES, frequency)
    bands = np.bincount(places, power, minlength=len(HALF_OCTAVES) + 1)
    spectrum = np.log10(bands / (bands.sum() + 1e-20) + 1e-9)
    numbers = [
        np.log(found.centroid_hz + 1),
        np.log(found.flatness + 1e-9),
        found.low_share,
        np.log(found.decay_s + 0.005),
        np.log(found.attack_s + 0.005),
        np.log(found.length_s + 0.005),
        found.width,
        (60.0 if found.pitch is None else found.pitch) / 12,
        # Relative to its peak: overall loudness says nothing about the kind.
        (found.loudness_db - 20 * np.log10(found.peak + 1e-9)) / 10,
    ]
    return np.concatenate([numbers, spectrum])


@dataclass(frozen=True, slots=True)
class KindReference:
    """Sounds of one kind: traits (N, F) and the brightness and decay (N, 2) asked for."""

    family: str
    traits: Traits
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class KindReferences:
    """The kinds that prompts may name, measured."""

    kinds: dict[str, KindReference]

    def value_of(self, name: Literal["brightness", "decay"], kind: str, traits: Traits) -> float:
        """Estimate a property on the lexicon's scale of 0..1 from a sound's traits.

        A ridge regression over the rendered sounds of the same kind: what makes a kick bright is
        not what makes a pad bright.
        """
        reference = self.kinds[kind]
        values = reference.values[:, BRIGHTNESS if name == "brightness" else DECAY]
        mean, spread = reference.traits.mean(0), reference.traits.std(0) + 1e-6
        rows = (reference.traits - mean) / spread
        slack = RIDGE * len(rows) * np.eye(rows.shape[1])
        weights = np.linalg.solve(rows.T @ rows + slack, rows.T @ (values - values.mean()))
        return float((traits - mean) / spread @ weights + values.mean())

    def family_of(self, traits: Traits) -> str:
        """The family of most of the nearest rendered sounds."""
        families = [self.kinds[key].family for key in self.nearest_kinds(traits)]
        return Counter(families).most_common(1)[0][0]

    def nearest_kinds(self, traits: Traits) -> list[str]:
        """The kinds of the nearest rendered sounds, the nearest first."""
        every = self._all_traits()
        keys = [key for key, kind in self.kinds.items() for _ in kind.traits]
        distance = (np.abs(every - traits) / (every.std(0) + 1e-6)).sum(1)
        return [keys[place] for place in np.argsort(distance, kind="stable")[:NEAREST]]

    def spread_of(self, rows: Traits) -> float:
        """Mean distance of two of these sounds (N, F), each trait by how far all kinds vary."""
        scaled = rows / (self._all_traits().std(0) + 1e-6)
        first, second = np.triu_indices(len(rows), 1)
        return float(np.abs(scaled[first] - scaled[second]).sum(1).mean())

    def _all_traits(self) -> Traits:
        return np.concatenate([kind.traits for kind in self.kinds.values()])


def measure_kinds(
    kinds: Collection[str], show: Callable[[str], None], sounds: int = SOUNDS_OF_A_KIND
) -> KindReferences:
    """Render and measure sounds of each kind, none of a held-out combination."""
    references = {}
    for place, key in enumerate(sorted(set(kinds))):
        kind = lexicon().kinds[key]
        plans = _plans(kind, sounds)
        traits = np.stack([measure_traits(clip) for clip in _render_clips(plans)])
        values = np.array([plan.values[:2] for plan in plans])
        references[key] = KindReference(kind.family, traits, values)
        if (place + 1) % 10 == 0:
            show(f"measured {place + 1} of {len(set(kinds))} kinds of sound")
    return KindReferences(references)


def _plans(kind: Kind, sounds: int) -> list[Plan]:
    rng = Random(f"{SEED} {kind.key}")
    plans: list[Plan] = []
    while len(plans) < sounds:
        plan = draw_plan(kind, rng, LONGEST_S)
        if not is_held_combination(plan):
            plans.append(plan)
    return plans


def _render_clips(plans: list[Plan]) -> Iterable[Clip]:
    for start in range(0, len(plans), RENDER_BATCH):
        some = plans[start : start + RENDER_BATCH]
        random = torch.Generator().manual_seed(SEED + start)
        audio = render(some, round(LONGEST_S * SAMPLE_RATE_HZ), SAMPLE_RATE_HZ, random)
        for plan, sound in zip(some, audio, strict=True):
            samples = sound[:, : round(plan.seconds * SAMPLE_RATE_HZ)].numpy().T
            yield Clip(np.ascontiguousarray(samples, np.float32), SAMPLE_RATE_HZ)
