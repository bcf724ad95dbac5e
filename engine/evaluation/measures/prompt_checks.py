"""Checks a sound against its prompt, property by property, by descriptors alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.clip import Clip
from engine.evaluation.measures.descriptors import Descriptors, Samples, describe, power_spectrum
from engine.evaluation.measures.prompt_claims import Claims, Key
from engine.evaluation.references.kind_references import KindReferences, Traits, measure_traits
from engine.prompts.notes import SHARPS, format_note

Verdict = Literal["right", "octave", "wrong", "unheard"]
"""`octave`: the note an octave off, or the tempo doubled or halved. `unheard`: no note found."""

PITCH_TOLERANCE = 0.5
"""Semitones: 50 cents."""
TEMPO_TOLERANCE = 2.0
"""Beats a minute."""
LENGTH_TOLERANCE = 0.1
"""Share of the requested seconds."""
FILLING = ("loop", "texture")
"""Families whose sounds fill the requested length; drums and plucked notes decay on their own."""
LOWEST_CHROMA_HZ, HIGHEST_CHROMA_HZ = 60.0, 1500.0
TRIADS = {"major": (0, 4, 7), "minor": (0, 3, 7)}
SIDES = {"brightness": ("dark", "bright"), "decay": ("short", "long")}
"""The words for the low and the high half of a scale."""
PROPERTIES = ("pitch", "tempo", "key", "length", "brightness", "decay", "family")


@dataclass(frozen=True, slots=True)
class Check:
    """One property of one sound: what was claimed, what was measured, and the verdict."""

    property: str
    claimed: str
    measured: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Share:
    """How many of `count` checks of a property were right, and how many with octaves forgiven.

    `spread` is the standard error of the share that was right.
    """

    property: str
    count: int
    right: float
    right_or_octave: float
    spread: float


def check_sound(
    clip: Clip, seconds: float, claims: Claims, references: KindReferences
) -> tuple[Check, ...]:
    """Check everything that a prompt claims, and that `seconds` claims, of one clip."""
    found = describe(clip)
    mono = clip.stereo().samples.astype(np.float64).mean(axis=1)
    checks: list[Check | None] = [
        _pitch(found, claims.pitch),
        _tempo(found, claims.bpm),
        _key(mono, clip.rate, claims.key),
        _length(found, seconds, claims.family),
    ]
    if claims.kind is not None and claims.kind in references.kinds:
        traits = measure_traits(clip, found)
        checks.append(_side("brightness", claims.brightness, traits, claims.kind, references))
        checks.append(_side("decay", claims.decay, traits, claims.kind, references))
        checks.append(_family(traits, claims.family, references))
    return tuple(check for check in checks if check is not None)


def check_pitch(measured: float | None, claimed: float) -> Verdict:
    """Compare MIDI numbers with cents."""
    if measured is None:
        return "unheard"
    gap = abs(measured - claimed)
    if gap <= PITCH_TOLERANCE:
        return "right"
    octaves = round(gap / 12)
    return "octave" if octaves and abs(gap - 12 * octaves) <= PITCH_TOLERANCE else "wrong"


def check_tempo(measured: float | None, claimed: float) -> Verdict:
    """Compare beats a minute; the tolerance of a doubled or halved tempo grows with it."""
    if measured is None:
        return "unheard"
    if abs(measured - claimed) <= TEMPO_TOLERANCE:
        return "right"
    is_octave = any(
        abs(measured - claimed * factor) <= TEMPO_TOLERANCE * factor for factor in (0.5, 2.0)
    )
    return "octave" if is_octave else "wrong"


def check_length(measured: float, claimed: float) -> Verdict:
    """Compare seconds, the tolerance a share of what was asked."""
    return "right" if abs(measured - claimed) <= LENGTH_TOLERANCE * claimed else "wrong"


def estimate_key(mono: Samples, rate: int) -> Key | None:
    """Estimate the key whose triad holds most of the pitched energy; None for silence.

    Energy of spectral peaks by pitch class, the root counted twice: a relative major shares
    all but one of the three notes.
    """
    power, frequency = power_spectrum(mono, rate, 16_384)
    heard = (frequency > LOWEST_CHROMA_HZ) & (frequency < HIGHEST_CHROMA_HZ)
    peaks = np.zeros(len(power), bool)
    peaks[1:-1] = (power[1:-1] > power[:-2]) & (power[1:-1] >= power[2:])
    chosen = heard & peaks
    if not power[chosen].sum() > 0:
        return None
    classes = np.round(12 * np.log2(frequency[chosen] / 440) + 69).astype(int) % 12
    # The square root, so that one loud note does not mask the others of its chord.
    chroma = np.sqrt(np.bincount(classes, power[chosen], minlength=12))
    scores = {
        Key(tonic, mode): chroma[tonic] + sum(chroma[(tonic + step) % 12] for step in steps)
        for tonic in range(12)
        for mode, steps in TRIADS.items()
    }
    return max(scores, key=lambda key: float(scores[key]))


def count_shares(checks: Iterable[Sequence[Check]]) -> tuple[Share, ...]:
    """Shares by property, those that were checked, and "all" at the end."""
    every = [check for of_one in checks for check in of_one]
    groups = [(name, [c for c in every if c.property == name]) for name in PROPERTIES]
    return tuple(_share(name, group) for name, group in [*groups, ("all", every)] if group)


def _share(name: str, checks: Sequence[Check]) -> Share:
    right = sum(check.verdict == "right" for check in checks) / len(checks)
    octaves = sum(check.verdict == "octave" for check in checks) / len(checks)
    spread = math.sqrt(right * (1 - right) / len(checks))
    return Share(name, len(checks), right, right + octaves, spread)


def _pitch(found: Descriptors, claimed: float | None) -> Check | None:
    if claimed is None:
        return None
    measured = "no note" if found.pitch is None else note_text(found.pitch)
    claim = note_text(claimed).partition(" ")[0]
    return Check("pitch", claim, measured, check_pitch(found.pitch, claimed))


def note_text(pitch: float) -> str:
    """A MIDI number with cents as the nearest note: 57.1 is "A3 +10 cents"."""
    note = round(pitch)
    cents = round(100 * (pitch - note))
    return f"{format_note(note)} {cents:+d} cents"


def _tempo(found: Descriptors, claimed: float | None) -> Check | None:
    # Sounds below two seconds hold too few beats to tell: they are not asked.
    if claimed is None or found.bpm is None:
        return None
    verdict = check_tempo(found.bpm, claimed)
    return Check("tempo", f"{claimed:g} BPM", f"{found.bpm:.4g} BPM", verdict)


def _key(mono: NDArray[np.float64], rate: int, claimed: Key | None) -> Check | None:
    if claimed is None:
        return None
    found = estimate_key(mono, rate)
    if found is None:
        return Check("key", _name(claimed), "no key", "unheard")
    return Check("key", _name(claimed), _name(found), "right" if found == claimed else "wrong")


def _name(key: Key) -> str:
    return f"{SHARPS[key.tonic]} {key.mode}"


def _length(found: Descriptors, seconds: float, family: str | None) -> Check | None:
    if family not in FILLING:
        return None
    verdict = check_length(found.length_s, seconds)
    return Check("length", f"{seconds:.2f} s", f"{found.length_s:.2f} s", verdict)


def _side(
    name: Literal["brightness", "decay"],
    claimed: str | None,
    traits: Traits,
    kind: str,
    references: KindReferences,
) -> Check | None:
    if claimed is None:
        return None
    value = references.value_of(name, kind, traits)
    is_high = value > 0.5
    verdict: Verdict = "right" if is_high == (claimed == "high") else "wrong"
    words = SIDES[name]
    return Check(name, words[claimed == "high"], f"{words[is_high]} ({value:.2f})", verdict)


def _family(traits: Traits, claimed: str | None, references: KindReferences) -> Check | None:
    if claimed is None:
        return None
    found = references.family_of(traits)
    return Check("family", claimed, found, "right" if found == claimed else "wrong")
