"""Draw what to render: properties, note, length. Training process; no torch."""

from __future__ import annotations

from math import ceil
from random import Random

from engine.corpus.captions.captions import Plan
from engine.corpus.captions.lexicon import PROPERTIES, Kind, Variant
from engine.corpus.plans.grooves import grooves

BAR = 240.0  # seconds of a four-beat bar at one beat a minute
FORM_SHARE = {"drums": 3.0}
AT_REST = (0.5, 0.5, 0.0, 0.0)  # brightness, decay, drive, space


def _property(rng: Random) -> float:
    return round(rng.random(), 3)


def _space(rng: Random) -> float:
    """Half of all sounds are dry; a wet corpus would teach that everything rings."""
    return round(rng.uniform(0, 0.18) if rng.random() < 0.5 else rng.random(), 3)


def _drive(rng: Random) -> float:
    return round(rng.uniform(0, 0.2) if rng.random() < 0.35 else rng.random(), 3)


def _seconds(
    kind: Kind, decay: float, space: float, rng: Random, limits: tuple[float, float]
) -> float:
    """An asked length: usually what the sound needs, sometimes more; see `draw_plan` of limits."""
    most, free_lengths = limits
    shortest, longest = kind.seconds.low, min(kind.seconds.high, most)
    if "decay" not in kind.free or (free_lengths and rng.random() < free_lengths):
        return round(float(shortest * (longest / shortest) ** rng.random()), 3)
    share = min(1.0, 0.25 * rng.random() + 0.55 * decay + 0.3 * space)
    if rng.random() < 0.25:
        share = rng.uniform(share, 1.0)
    return round(float(shortest * (longest / shortest) ** share), 3)


def _only_free(
    kind: Kind, values: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    """Properties that mean nothing for the kind rest where they change nothing."""
    brightness, decay, drive, space = (
        value if name in kind.free else rest
        for name, value, rest in zip(PROPERTIES, values, AT_REST, strict=True)
    )
    return brightness, decay, drive, space


def _tempo(kind: Kind, rng: Random, most: float) -> tuple[Variant, int]:
    """A style and a tempo at which at least one bar fits into `most` seconds.

    One loop in five leaves its style's own range: players ask for slow techno too.
    """
    slowest = max(60, ceil(BAR / most))
    fitting = [style for style in kind.variants if grooves()[style.key].bpm.high >= slowest]
    style = rng.choice(fitting or kind.variants)
    span = grooves()[style.key].bpm
    low, high = max(slowest, int(span.low)), int(span.high)
    if low > high or rng.random() < 0.2:
        low, high = slowest, 180
    return style, rng.randint(low, high)


def _loop(kind: Kind, rng: Random, most: float) -> Plan:
    """Whole bars of one style; in a key unless only drums play."""
    values = _only_free(kind, (_property(rng), _property(rng), _drive(rng), _space(rng)))
    style, bpm = _tempo(kind, rng, most)
    bars = rng.choice([count for count in (1, 2, 2, 4) if count * BAR / bpm <= most])
    form = rng.choices(kind.forms, [FORM_SHARE.get(form.key, 1.0) for form in kind.forms])[0]
    tonal = form.key != "drums"
    return Plan(
        kind=kind,
        variant=style,
        form=form,
        seconds=bars * BAR / bpm,
        pitch=None,
        values=values,
        bpm=float(bpm),
        bars=bars,
        tonic=rng.randrange(12) if tonal else None,
        mode=rng.choice(("minor", "minor", "major")) if tonal else "",
        number=rng.getrandbits(48),
    )


def draw_plan(kind: Kind, rng: Random, max_seconds: float, free_lengths: float = 0.0) -> Plan:
    """One sound of a kind, at most `max_seconds` long.

    A share `free_lengths` of the lengths says nothing of the decay: else a bell would learn to
    fill whatever length it is given.
    """
    if kind.key in ("loop", "beatbox loop"):
        return _loop(kind, rng, max_seconds)
    values = _only_free(kind, (_property(rng), _property(rng), _drive(rng), _space(rng)))
    variant = rng.choice(kind.variants)
    span = variant.pitch or kind.pitch
    pitch = None if span is None else float(rng.randint(int(span.low), int(span.high)))
    return Plan(
        kind=kind,
        variant=variant,
        form=rng.choice(kind.forms),
        seconds=_seconds(kind, values[1], values[3], rng, (max_seconds, free_lengths)),
        pitch=pitch,
        values=values,
    )
