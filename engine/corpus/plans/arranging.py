"""Turn a planned loop into lines of notes: drums from the groove, bass and chords in the key.

Training process; no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from engine.corpus.captions.captions import Plan
from engine.corpus.captions.lexicon import lexicon
from engine.corpus.plans.grooves import STEPS, Groove, Moment, grooves, hits, notes

SCALES = {"minor": (0, 2, 3, 5, 7, 8, 10), "major": (0, 2, 4, 5, 7, 9, 11)}
PROGRESSIONS = {  # degrees of the scale, one to each bar (or half of a single bar); all start home
    "minor": ((0, 5, 2, 6), (0, 3, 0, 3), (0, 6, 5, 6), (0, 0, 5, 6), (0, 3, 5, 4), (0, 0, 0, 0)),
    "major": ((0, 4, 5, 3), (0, 3, 0, 3), (0, 5, 3, 4), (0, 5, 1, 4), (0, 3, 4, 3), (0, 0, 0, 0)),
}
LEVEL = {
    "kick": 1.0,
    "snare": 0.8,
    "clap": 0.65,
    "rim": 0.45,
    "closed hat": 0.32,
    "open hat": 0.3,
    "ride": 0.25,
    "crash": 0.4,
    "cowbell": 0.3,
    "shaker": 0.25,
    "conga": 0.45,
    "bongo": 0.4,
    "tambourine": 0.25,
    "wood": 0.3,
    "tom": 0.7,
    "beatbox kick": 1.0,
    "beatbox snare": 0.8,
    "beatbox hat": 0.45,
}
MUST = ("kick", "snare", "closed hat", "beatbox kick", "beatbox snare", "beatbox hat")


@dataclass(frozen=True, slots=True)
class Line:
    """One sound and all the moments it plays in a loop; `length` is in steps (0: as it rings)."""

    kind: str
    variant: str
    form: str
    pitch: float | None
    length: int
    level: float
    decay: float
    moments: tuple[Moment, ...]


@dataclass(frozen=True, slots=True)
class Arrangement:
    """All lines of one loop."""

    bpm: float
    swing: float
    lines: tuple[Line, ...]


def _variant(kind: str, kit: str, rng: Random) -> str:
    """The drum machine's own version of a drum, or any when it has none."""
    keys = [variant.key for variant in lexicon().kinds[kind].variants]
    return kit if kit in keys else rng.choice(keys)


def _drums(plan: Plan, groove: Groove, bars: int, rng: Random) -> list[Line]:
    kit = rng.choice(groove.kits)
    lines = []
    for kind, patterns in groove.layers.items():
        moments = hits(rng.choice(patterns), bars, rng)
        if not moments or (kind not in MUST and rng.random() < 0.15):
            continue
        forms = [form.key for form in lexicon().kinds[kind].forms]
        shares: list[list[Moment]] = [[] for _ in forms]
        for moment in moments:
            shares[rng.randrange(len(forms))].append(moment)
        variant, decay = _variant(kind, kit, rng), rng.uniform(0.15, 0.6)
        level = LEVEL[kind] * rng.uniform(0.85, 1.1)
        for form, share in zip(forms, shares, strict=True):
            if share:
                lines.append(Line(kind, variant, form, None, 0, level, decay, tuple(share)))
    if bars > 1 and kit != "mouth" and rng.random() < 0.35:
        lines.append(_fill(kit, bars, rng))
    return lines


def _fill(kit: str, bars: int, rng: Random) -> Line:
    """A short roll into the repeat."""
    kind = rng.choice(("snare", "tom"))
    first = bars * STEPS - rng.choice((2, 4))
    moments = tuple(
        Moment(step, 1, 0.5 + 0.5 * (step - first + 1) / (bars * STEPS - first))
        for step in range(first, bars * STEPS)
    )
    form = "mid" if kind == "tom" else ""
    return Line(kind, _variant(kind, kit, rng), form, None, 0, 0.6, 0.3, moments)


def _degrees(mode: str, bars: int, rng: Random) -> list[int]:
    """The chord of each half bar, as a degree of the scale."""
    progression = rng.choice(PROGRESSIONS[mode])
    if bars == 1:
        return [progression[0], progression[rng.randrange(2)]]
    return [progression[bar % 4] for bar in range(bars) for _ in range(2)]


def _by_pitch(
    pairs: list[tuple[int, Moment]], sound: tuple[str, str], level: float, decay: float
) -> list[Line]:
    """Lines of single notes, those of one pitch and length together."""
    groups: dict[tuple[int, int], list[Moment]] = {}
    for pitch, moment in pairs:
        groups.setdefault((pitch, moment.length), []).append(moment)
    kind, variant = sound
    return [
        Line(kind, variant, "", float(pitch), length, level, decay, tuple(moments))
        for (pitch, length), moments in groups.items()
    ]


def _note(tonic: int, mode: str, degree: int) -> int:
    """Semitones above C of a degree of the scale, which may pass the octave."""
    return tonic + SCALES[mode][degree % 7] + 12 * (degree // 7)


def _bass(plan: Plan, groove: Groove, degrees: list[int], bars: int, rng: Random) -> list[Line]:
    sound = rng.choice(groove.bass_sounds)
    mode, tonic = plan.mode, plan.tonic or 0
    low = 36 if tonic < 5 else 24
    pairs = []
    for moment in notes(groove.bass, bars, plan.form.key == "bass", rng):
        degree = degrees[min(len(degrees) - 1, moment.step * 2 // STEPS)]
        start = moment.step % STEPS == 0
        step = 0 if start else rng.choices((0, 4, 7, 6, 2), (6, 1.5, 1.5, 0.7, 0.5))[0]
        pairs.append((low + _note(tonic, mode, degree + step), moment))
    return _by_pitch(pairs, ("bass", sound), 0.6, 0.9)


def _chords(plan: Plan, groove: Groove, degrees: list[int], bars: int, rng: Random) -> list[Line]:
    sound = rng.choice(groove.chord_sounds)
    mode, tonic = plan.mode, plan.tonic or 0
    sevenths = rng.random() < 0.45
    pairs = []
    for moment in notes(groove.chords, bars, plan.form.key == "chords", rng):
        degree = degrees[min(len(degrees) - 1, moment.step * 2 // STEPS)]
        for third in range(4 if sevenths else 3):
            pitch = 48 + _note(tonic, mode, degree + 2 * third)
            pairs.append((pitch - 12 if pitch > 70 else pitch, moment))
    return _by_pitch(pairs, ("note", sound), 0.26, 0.9)


def arrange(plan: Plan) -> Arrangement:
    """Write the lines of a planned loop; the same plan gives the same lines."""
    if plan.bpm is None or plan.bars is None:
        raise ValueError(f"only loops are arranged, got {plan.kind.key}")
    groove = grooves()[plan.variant.key]
    rng = Random(plan.number)
    lines: list[Line] = []
    degrees = _degrees(plan.mode, plan.bars, rng) if plan.mode else []
    if plan.form.key in ("drums", "full", "rhythm"):
        lines += _drums(plan, groove, plan.bars, rng)
    if plan.form.key in ("bass", "full", "rhythm"):
        lines += _bass(plan, groove, degrees, plan.bars, rng)
    if plan.form.key in ("chords", "full"):
        lines += _chords(plan, groove, degrees, plan.bars, rng)
    return Arrangement(plan.bpm, rng.uniform(groove.swing.low, groove.swing.high), tuple(lines))
