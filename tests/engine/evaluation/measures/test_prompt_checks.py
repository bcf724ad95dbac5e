"""Verdicts on sounds whose note, tempo, key and length are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.clip import Clip
from engine.evaluation.measures.prompt_checks import (
    Check,
    check_length,
    check_pitch,
    check_sound,
    check_tempo,
    count_shares,
    estimate_key,
    note_text,
)
from engine.evaluation.measures.prompt_claims import Claims, Key
from engine.evaluation.references.kind_references import KindReference, KindReferences

RATE = 44_100
EMPTY_CELL = KindReferences({})


def notes(*numbers: int, seconds: float = 1.0) -> NDArray[np.float64]:
    """A sum of tones with three partials each."""
    time = np.arange(round(seconds * RATE)) / RATE
    hertz = [440 * 2 ** ((number - 69) / 12) for number in numbers]
    waves = [np.sin(2 * np.pi * h * k * time) / k**2 for h in hertz for k in (1, 2, 3)]
    return np.asarray(0.2 * np.sum(waves, axis=0))


def clip(mono: NDArray[np.float64]) -> Clip:
    return Clip(np.stack([mono, mono], axis=1).astype(np.float32), RATE)


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [
        (57.0, "right"),
        (57.49, "right"),
        (57.51, "wrong"),
        (45.2, "octave"),
        (81.0, "octave"),
        (64.0, "wrong"),
        (None, "unheard"),
    ],
)
def test_a_note_is_right_within_fifty_cents(measured: float | None, verdict: str) -> None:
    assert check_pitch(measured, 57) == verdict


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [(122, "right"), (122.5, "wrong"), (243, "octave"), (60.75, "octave"), (None, "unheard")],
)
def test_a_tempo_is_right_within_two_beats(measured: float | None, verdict: str) -> None:
    assert check_tempo(measured, 120) == verdict


def test_a_length_is_right_within_a_tenth() -> None:
    assert [check_length(length, 2.0) for length in (1.81, 2.19, 1.7)] == [
        "right",
        "right",
        "wrong",
    ]


@pytest.mark.parametrize("tonic", range(0, 12, 2))
def test_triads_are_told_apart(tonic: int) -> None:
    for mode, third in (("minor", 3), ("major", 4)):
        root = 48 + tonic
        assert estimate_key(notes(root, root + third, root + 7), RATE) == Key(tonic, mode)


def test_silence_has_no_key_and_no_note() -> None:
    claims = Claims(family="tonal", pitch=60, key=Key(0, "minor"))
    checks = check_sound(clip(np.zeros(RATE)), 1.0, claims, EMPTY_CELL)
    assert [check.verdict for check in checks] == ["unheard", "unheard"]


def test_only_what_is_claimed_is_checked() -> None:
    sound = clip(notes(57))
    assert check_sound(sound, 1.0, Claims(), EMPTY_CELL) == ()
    assert check_sound(sound, 1.0, Claims(family="drum"), EMPTY_CELL) == ()
    (pitch,) = check_sound(sound, 1.0, Claims(pitch=57), EMPTY_CELL)
    assert (pitch.claimed, pitch.measured[:3], pitch.verdict) == ("A3", "A3 ", "right")
    (length,) = check_sound(sound, 1.5, Claims(family="loop"), EMPTY_CELL)
    assert (length.claimed, length.measured, length.verdict) == ("1.50 s", "1.00 s", "wrong")


def test_brightness_and_family_are_judged_by_sounds_of_the_kind() -> None:
    from engine.evaluation.references.kind_references import measure_traits

    rng = np.random.default_rng(0)

    def noise(share: float) -> Clip:
        """The brighter, the less its neighbours are averaged."""
        width = round(2 + 60 * (1 - share))
        white = rng.standard_normal(RATE // 2)
        return clip(np.convolve(white, np.ones(width) / width, "same") * 0.2)

    shares = np.linspace(0, 1, 24)
    hats = np.stack([measure_traits(noise(share)) for share in shares])
    tones = np.stack([measure_traits(clip(notes(40 + n, seconds=0.5))) for n in range(24)])
    values = np.stack([shares, shares], axis=1)
    references = KindReferences(
        {"hat": KindReference("drum", hats, values), "bass": KindReference("tonal", tones, values)}
    )
    claims = Claims("hat", "drum", brightness="high")
    bright, family = check_sound(noise(0.95), 0.5, claims, references)
    assert (bright.property, bright.claimed, bright.verdict) == ("brightness", "bright", "right")
    assert bright.measured.startswith("bright (0.")
    assert (family.measured, family.verdict) == ("drum", "right")
    dull, _ = check_sound(noise(0.1), 0.5, claims, references)
    assert dull.verdict == "wrong"
    _, tone = check_sound(clip(notes(50, seconds=0.5)), 0.5, claims, references)
    assert (tone.measured, tone.verdict) == ("tonal", "wrong")


def test_shares_count_right_and_octaves_by_property_and_in_all() -> None:
    checks = [
        [Check("pitch", "57", "45", "octave"), Check("tempo", "120", "120", "right")],
        [Check("pitch", "57", "57", "right")],
    ]
    pitch, tempo, every = count_shares(checks)
    assert (pitch.property, pitch.count, pitch.right, pitch.right_or_octave) == ("pitch", 2, 0.5, 1)
    assert pitch.spread == pytest.approx((0.25 / 2) ** 0.5)
    assert (tempo.count, tempo.right) == (1, 1)
    assert (every.property, every.count) == ("all", 3)
    assert every.right == pytest.approx(2 / 3)
    assert count_shares([]) == ()


def test_notes_are_named_as_players_name_them() -> None:
    assert [note_text(pitch) for pitch in (57.0, 60.1, 59.96)] == [
        "A3 +0 cents",
        "C4 +10 cents",
        "C4 -4 cents",
    ]
