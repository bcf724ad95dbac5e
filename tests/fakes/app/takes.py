"""Takes and kits made up for tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from app.audio.mixer.pad_parameters import PadParameters
from app.model.kit import PADS, KitRecord, PadRecord
from app.model.takes import Take, TakeKind, new_take_id
from engine.api import Recipe
from tests.fakes.engine.engine_thread import tone

RECIPE = Recipe("punchy 909 kick", 0.05, 8, 7, None, None, "embedded")


def make_take(
    name: str = "punchy 909 kick",
    kind: TakeKind = "generated",
    *,
    recipe: Recipe | None = RECIPE,
    created: float = 1000.0,
) -> Take:
    return Take(
        id=new_take_id(),
        clip=tone(0.02),
        kind=kind,
        recipe=recipe if kind == "generated" else None,
        created=created,
        whole_ms=123.5 if kind == "generated" else None,
        name=name,
    )


def make_kit() -> KitRecord:
    """A kit with something of everything."""
    hum = make_take("recording", "recorded")
    hummed = make_take(recipe=replace(RECIPE, strength=0.7, source=hum.id))
    pads = [PadRecord()] * PADS
    pads[0] = PadRecord("Boom", PadParameters("gate", -3.5, 2, tune=-7.0), True, (hum, hummed), 0)
    pads[15] = PadRecord(takes=(make_take("наковальня 🔨", "dropped"),), current=0)
    return KitRecord("My kit", tuple(pads))


def same_take(one: Take, two: Take) -> bool:
    """Equal in everything, and sample for sample."""
    return (
        (one.id, one.kind, one.recipe, one.created, one.whole_ms, one.name)
        == (two.id, two.kind, two.recipe, two.created, two.whole_ms, two.name)
        and one.clip.rate == two.clip.rate
        and np.array_equal(one.clip.samples, two.clip.samples)
    )


def same_pad(one: PadRecord, two: PadRecord) -> bool:
    """Equal in settings and takes."""
    return (
        replace(one, takes=(), current=None) == replace(two, takes=(), current=None)
        and one.current == two.current
        and len(one.takes) == len(two.takes)
        and all(same_take(a, b) for a, b in zip(one.takes, two.takes, strict=True))
    )
