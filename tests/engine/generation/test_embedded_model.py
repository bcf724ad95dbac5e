"""The model that ships: a kick is a kick, a note has its pitch, a loop its tempo. Measured."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from engine.api import LONGEST_S, Recipe
from engine.clip import Clip
from engine.evaluation.measures.descriptors import Descriptors, describe
from engine.evaluation.runs.restyling import measure_likeness, render_recordings
from engine.generation.generator import Generator, load_generator
from engine.library.card import EMBEDDED_FOLDER, read_card
from engine.prompts.reading import find_unknown_words

SEEDS = range(5)
ENOUGH = 4
"""Of five seeds so many must be right: a generator may miss, a model may not miss often."""


@cache
def generator() -> Generator:
    return load_generator(EMBEDDED_FOLDER, "cpu")


def sounds(prompt: str, seconds: float) -> list[Clip]:
    recipes = [Recipe(prompt, seconds, seed=seed) for seed in SEEDS]
    return [generator().generate(recipe).clip for recipe in recipes]


def right(clips: list[Clip], claim: Callable[[Descriptors], bool]) -> int:
    return sum(claim(describe(clip)) for clip in clips)


def test_a_kick_is_low_and_short() -> None:
    clips = sounds("punchy 909 kick", 0.6)
    assert right(clips, lambda d: d.low_share > 0.6 and d.attack_s < 0.06) >= ENOUGH


def test_a_closed_hat_is_bright_and_dies_at_once() -> None:
    clips = sounds("closed hat", 0.4)
    assert right(clips, lambda d: d.centroid_hz > 5000 and d.decay_s < 0.25) >= ENOUGH


def test_a_snare_has_a_body_and_noise() -> None:
    clips = sounds("acoustic snare", 0.5)
    assert right(clips, lambda d: 400 < d.centroid_hz < 7000 and d.decay_s < 0.35) >= ENOUGH


@pytest.mark.parametrize(("prompt", "note"), [("saw bass note A2", 45), ("pluck in C4", 60)])
def test_a_note_has_its_pitch(prompt: str, note: int) -> None:
    clips = sounds(prompt, 1.0)
    in_tune = right(clips, lambda d: d.pitch is not None and abs(d.pitch - note) < 0.5)
    assert in_tune >= ENOUGH


def test_a_riser_gets_louder_and_brighter() -> None:
    def rises(clip: Clip) -> bool:
        third = clip.frames // 3
        first, last = (Clip(clip.samples[i : i + third].copy(), clip.rate) for i in (0, 2 * third))
        before, after = describe(first), describe(last)
        louder = after.loudness_db > before.loudness_db + 3
        return louder and after.centroid_hz > before.centroid_hz

    assert sum(rises(clip) for clip in sounds("riser", 3.0)) >= ENOUGH


@pytest.mark.parametrize(
    ("prompt", "seconds", "bpm"),
    [
        ("120 BPM house loop", 4.0, 120),
        ("120 BPM house loop", 2.0, 120),
        ("90 bpm hip-hop drum loop", 5.333, 90),
        ("latin funk drumset 115 BPM", 4.174, 115),
        ("174 bpm drum and bass loop", 2.759, 174),
    ],
)
def test_a_loop_keeps_its_tempo(prompt: str, seconds: float, bpm: float) -> None:
    clips = sounds(prompt, seconds)
    # Of slow ones the hats' eighths may be stronger than the beat: they say the double.
    said = (bpm, 2 * bpm) if bpm < 100 else (bpm,)
    assert (
        right(clips, lambda d: d.bpm is not None and min(abs(d.bpm - b) for b in said) < 2)
        >= ENOUGH
    )


def test_what_is_made_from_a_recording_follows_it() -> None:
    sources = render_recordings(6)
    made = [
        generator().generate(
            Recipe(each.prompt, each.clip.seconds, seed=seed, strength=0.7), each.clip
        )
        for seed, each in enumerate(sources)
    ]
    found = measure_likeness("embedded", 0.7, sources, [each.clip for each in made])
    assert found.hums > 0.8 and found.tunes > 0.6
    assert found.hits_kept > 0.8 and found.hits_meant > 0.8


def test_the_same_recipe_makes_the_same_samples() -> None:
    recipe = Recipe("dusty snare", 0.5, seed=3)
    first, second = (generator().generate(recipe).clip.samples for _ in range(2))
    assert np.array_equal(first, second)


def test_two_seeds_make_two_sounds() -> None:
    first, second = (
        generator().generate(Recipe("dusty snare", 0.5, seed=seed)).clip.samples for seed in (1, 2)
    )
    assert not np.allclose(first, second, atol=0.05)


def test_the_longest_sound_can_be_made() -> None:
    clip = generator().generate(Recipe("dark pad C3", LONGEST_S, steps=1, seed=0)).clip
    assert clip.frames == LONGEST_S * clip.rate


def test_the_folder_is_small_enough_to_ship() -> None:
    size = sum(path.stat().st_size for path in EMBEDDED_FOLDER.iterdir())
    assert size <= 40_000_000


def test_a_musicians_words_are_in_the_vocabulary() -> None:
    words = read_card(EMBEDDED_FOLDER).vocabulary
    prompts = ["punchy 909 kick", "closed hat", "saw bass note A2", "120 BPM house loop", "riser"]
    assert [find_unknown_words(prompt, words) for prompt in prompts] == [()] * len(prompts)
    assert find_unknown_words("glorptastic kick", words) == ((0, 11),)
