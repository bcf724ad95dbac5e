"""Real sounds of one kind: of held-out captions, and variants that its bare name may mean.

The same ones each time. One process.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from engine.clip import SAMPLE_RATE_HZ, Clip
from engine.corpus.captions.captions import Plan, compose_caption
from engine.corpus.captions.lexicon import Kind, lexicon
from engine.corpus.plans.planning import draw_plan
from engine.corpus.sources.rendered import (
    is_held_caption,
    is_held_combination,
    render,
    sound_of,
)
from engine.evaluation.references.examples import (
    FIRST_SEED,
    LONGEST_S,
    Example,
    cut_clip,
    make_example,
)

SEED = 7002
"""Differs from the seeds of training and of the held-out examples."""
TRIED_CAPTIONS = 40
SEARCHED_PLANS = 500
"""Plans among which the bare name's are; a kind that holds none of so many out holds none out."""


@dataclass(frozen=True, slots=True)
class Variants:
    """Real sounds of about one length that a kind's bare name, in so many seconds, may mean."""

    prompt: str
    seconds: float
    clips: list[Clip]


def kinds_to_measure() -> list[Kind]:
    """Return every kind of sound but hums and beatbox, which are sources only."""
    return [kind for kind in lexicon().kinds.values() if kind.family != "voice"]


def has_held_combinations(kind: Kind) -> bool:
    """Whether any combination of the kind's properties is kept out of training."""
    rng = Random(f"{SEED} {kind.key} combinations")
    return any(is_held_combination(draw_plan(kind, rng, LONGEST_S)) for _ in range(SEARCHED_PLANS))


def render_held_out_of_kind(kind: Kind, count: int, *, of_combinations: bool) -> list[Example]:
    """So many held-out captions of a kind with their sounds.

    Both caption and combination are held out, or, where the kind holds no combination out, the
    caption alone.
    """
    rng = Random(f"{SEED} {kind.key}")
    pairs: list[tuple[Plan, str]] = []
    while len(pairs) < count:
        plan = draw_plan(kind, rng, LONGEST_S)
        if is_held_combination(plan) == of_combinations:
            tried = (compose_caption(plan, lexicon(), rng) for _ in range(TRIED_CAPTIONS))
            text = next(filter(is_held_caption, tried), None)
            pairs += [] if text is None else [(plan, text)]
    audio = _render_plans([plan for plan, _ in pairs])
    return [
        make_example(sound_of(plan, text), one, FIRST_SEED + number)
        for number, ((plan, text), one) in enumerate(zip(pairs, audio, strict=True))
    ]


def render_variants(kind: Kind, count: int) -> Variants:
    """So many sounds of a kind, those in the middle by length of all that may be drawn of it."""
    rng = Random(f"{SEED} {kind.key} variants")
    plans = sorted(
        (draw_plan(kind, rng, LONGEST_S) for _ in range(SEARCHED_PLANS)),
        key=lambda plan: plan.seconds,
    )
    first = (SEARCHED_PLANS - count) // 2
    chosen = plans[first : first + count]
    clips = [
        cut_clip(one, plan.seconds) for plan, one in zip(chosen, _render_plans(chosen), strict=True)
    ]
    return Variants(kind.names[0], chosen[count // 2].seconds, clips)


def _render_plans(plans: list[Plan]) -> Tensor:
    return render(
        plans,
        round(LONGEST_S * SAMPLE_RATE_HZ),
        SAMPLE_RATE_HZ,
        torch.Generator().manual_seed(SEED),
    )
