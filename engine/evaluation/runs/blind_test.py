"""A blind test: pairs of a real and a generated sound of the same caption, in random order.

The page plays them; a key beside it says which is which. One process.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

from engine.api import EngineError, Recipe
from engine.evaluation.callbacks import LoadGenerator
from engine.evaluation.references.kind_examples import (
    has_held_combinations,
    kinds_to_measure,
    render_held_out_of_kind,
)
from engine.evaluation.reports.figures_file import write_figures
from engine.evaluation.reports.listening_page import PageInfo, write_listening
from engine.evaluation.runs.listening import (
    Chapter,
    ListeningRow,
    Method,
    Tile,
    format_steps,
    match_generated,
)
from engine.evaluation.runs.sampling import never_cancel

KEY = "key.txt"
SIDES = "AB"


@dataclass(frozen=True, slots=True)
class BlindTest:
    """The chapter to show, and the key: for each pair, a line that says which one is real."""

    chapter: Chapter
    key: tuple[str, ...]


def make_blind_test(
    method: Method, pairs: int, load: LoadGenerator, device: str, rng: Random
) -> BlindTest:
    """So many pairs, each of another kind of sound, kinds and orders drawn from `rng`.

    Raises EngineError for more pairs than there are kinds.
    """
    kinds = kinds_to_measure()
    if not 1 <= pairs <= len(kinds):
        raise EngineError(f"pairs must be 1..{len(kinds)}, one a kind of sound, got {pairs}.")
    generator = load(method.candidate.folder, device)
    steps = method.candidate.steps or generator.card.default_steps
    name = method.name or f"{generator.card.name}, {format_steps(steps)}"
    rows, key = [], [f"The real one of each pair; the other is by {name}."]
    for number, kind in enumerate(rng.sample(kinds, pairs), 1):
        (example,) = render_held_out_of_kind(kind, 1, of_combinations=has_held_combinations(kind))
        recipe = Recipe(example.prompt, example.seconds, steps, seed=number)
        made = generator.generate(recipe, None, never_cancel).clip
        both = [example.real, made]
        real = rng.randrange(2)
        tiles = [
            Tile(side, match_generated(both[place != real])) for place, side in enumerate(SIDES)
        ]
        rows.append(
            ListeningRow(
                f"{number}. {example.prompt}",
                f"{example.seconds:.2f} s",
                example.seconds,
                (*tiles,),
            )
        )
        key.append(f"{number} {SIDES[real]} ({kind.key}, seed {number})")
    return BlindTest(Chapter("Which one is real?", TEXT, tuple(rows)), tuple(key))


TEXT = (
    "Of each pair our own synthesis rendered one, and a model made the other of the caption, which "
    "no training saw; both are brought to one loudness. Note which is real, then compare with "
    f"{KEY}, which lies beside this page. Who cannot tell has half of them right."
)


def write_blind_test(test: BlindTest, about: PageInfo, folder: Path) -> Path:
    """Write the page and its key; raises EngineError where it cannot be done."""
    page = write_listening([test.chapter], about, folder)
    write_figures(folder, {KEY: "\n".join(test.key) + "\n"})
    return page
