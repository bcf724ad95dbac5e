"""Measures the likeness of generated sounds to their source recordings, at each strength.

Recordings are held-out hums, hummed tunes and beatbox bars of the corpus; prompts name other
sounds. One process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.api import Recipe
from engine.clip import SAMPLE_RATE_HZ, Clip
from engine.corpus.sources.rendered import RenderedCorpus
from engine.evaluation.callbacks import ShowLine
from engine.evaluation.measures.codec_measures import log_mel_distance
from engine.evaluation.measures.descriptors import Samples, onset_times, pitch_track
from engine.evaluation.references.examples import CORPUS_SEED, LONGEST_S, stack_clips
from engine.evaluation.runs.sampling import Candidate, never_cancel
from engine.process.generator_protocol import Generator

STRENGTHS = (0.3, 0.5, 0.6, 0.7, 0.8, 0.95)
PROMPTS = {
    "hum": ("brass", "strings", "synth lead", "flute", "organ"),
    "melody": ("synth lead", "brass", "flute"),
    "beatbox loop": ("808 drum loop", "acoustic drum kit loop"),
}
"""Prompts for recordings of each kind, in turn."""
CENTS = 50.0
ONSET_S = 0.02
RENDER_BATCH = 8


@dataclass(frozen=True, slots=True)
class SourceRecording:
    """A rendered recording, its kind in the corpus, and the prompt to restyle it with."""

    kind: str
    clip: Clip
    prompt: str


@dataclass(frozen=True, slots=True)
class Likeness:
    """How closely one model's sounds follow their recordings at one strength, as shares 0..1.

    `hums` and `tunes`: of the time with a pitch, that within CENTS of the recording's. `hits_kept`:
    of the recording's onsets, those with one of the sound's within ONSET_S; `hits_meant` the other
    way round. `distance_db`: log-mel distance to the recording.
    """

    model: str
    strength: float
    hums: float
    tunes: float
    hits_kept: float
    hits_meant: float
    distance_db: float


def render_recordings(of_each: int) -> list[SourceRecording]:
    """So many held-out recordings of each kind, the same ones each time."""
    corpus = RenderedCorpus(CORPUS_SEED, "held_out", families=("voice",))
    found: dict[str, list[SourceRecording]] = {kind: [] for kind in PROMPTS}
    number = 0
    while any(len(each) < of_each for each in found.values()):
        batch = corpus.batch(number, RENDER_BATCH, LONGEST_S)
        number += 1
        for sound, audio in zip(batch.sounds, batch.audio, strict=True):
            each = found.get(sound.kind, [])
            if sound.kind in found and len(each) < of_each:
                samples = audio[:, : round(sound.seconds * SAMPLE_RATE_HZ)].numpy().T
                prompts = PROMPTS[sound.kind]
                clip = Clip(np.ascontiguousarray(samples, np.float32), SAMPLE_RATE_HZ)
                each.append(SourceRecording(sound.kind, clip, prompts[len(each) % len(prompts)]))
    return [recording for each in found.values() for recording in each]


def compare_recordings(
    candidates: Sequence[Candidate],
    of_each: int,
    load: Callable[[Path, str], Generator],
    device: str,
    show: ShowLine,
) -> list[Likeness]:
    """Restyle all recordings with each model at each strength; raises EngineError."""
    sources = render_recordings(of_each)
    rows = []
    for candidate in candidates:
        generator = load(candidate.folder, device)
        for strength in STRENGTHS:
            show(f"{candidate.name}: strength {strength:g}")
            made = [
                _restyle(generator, source, strength, candidate.steps, seed)
                for seed, source in enumerate(sources)
            ]
            rows.append(measure_likeness(candidate.name, strength, sources, made))
    return rows


def _restyle(
    generator: Generator, source: SourceRecording, strength: float, steps: int | None, seed: int
) -> Clip:
    recipe = Recipe(
        source.prompt,
        source.clip.seconds,
        steps=steps or generator.card.default_steps,
        seed=seed,
        strength=strength,
    )
    return generator.generate(recipe, source.clip, never_cancel).clip


def measure_likeness(
    model: str, strength: float, sources: Sequence[SourceRecording], made: Sequence[Clip]
) -> Likeness:
    """Measure the likeness of sounds to their recordings; there must be one of each kind."""
    shares: dict[str, list[float]] = {kind: [] for kind in PROMPTS}
    meant, distances = [], []
    for source, sound in zip(sources, made, strict=True):
        first, second = (to_mono(clip) for clip in (source.clip, sound))
        if source.kind == "beatbox loop":
            onsets = [onset_times(mono, SAMPLE_RATE_HZ) for mono in (first, second)]
            shares[source.kind].append(match_onsets(onsets[0], onsets[1]))
            meant.append(match_onsets(onsets[1], onsets[0]))
        else:
            shares[source.kind].append(share_in_tune(first, second))
        audio = stack_clips([source.clip, sound])
        distances.append(log_mel_distance(audio[0], audio[1]))
    hums, tunes, kept = (float(np.mean(shares[kind])) for kind in PROMPTS)
    away = float(np.mean(distances))
    return Likeness(model, strength, hums, tunes, kept, float(np.mean(meant)), away)


def to_mono(clip: Clip) -> Samples:
    """Return the mean of a clip's channels (T,)."""
    return clip.stereo().samples.mean(1).astype(np.float64)


def share_in_tune(source: Samples, made: Samples) -> float:
    """Share of the moments with a pitch in `source` at which `made` has the same within CENTS."""
    first, second = (pitch_track(mono, SAMPLE_RATE_HZ) for mono in (source, made))
    count = min(len(first), len(second))
    sung = np.isfinite(first[:count])
    if not sung.any():
        return 0.0
    apart = np.abs(second[:count] - first[:count])[sung]
    # A moment without a pitch is NaN, and further from one than anything.
    return float(np.mean(apart <= CENTS / 100))


def match_onsets(onsets: Samples, others: Samples) -> float:
    """Share of `onsets` (s) with one of `others` within ONSET_S; 0 where there are none."""
    if not len(onsets) or not len(others):
        return 0.0
    return float(np.mean(np.abs(onsets[:, None] - others[None]).min(1) <= ONSET_S))
