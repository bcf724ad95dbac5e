"""Rows of the paper's table on disk: what was measured of a model is not measured again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.evaluation.measures.prompt_checks import Check, Share
from engine.evaluation.runs.evaluate import Conditions, EvaluationSize, Measured
from engine.evaluation.runs.scoring import Row, Scores, row_of
from engine.files.atomic import write_text


@dataclass(frozen=True, slots=True)
class Kept:
    """Measures of one model in so many steps, with whose eyes and where they were taken."""

    size: EvaluationSize
    embedder: str
    conditions: Conditions
    measured: Measured


def write_kept(path: Path, kept: Kept) -> None:
    """Write them so that a reader finds the whole file or none."""
    table = asdict(kept) | {
        "measured": {
            "runs": [asdict(scores) for scores in kept.measured.runs],
            "checks": [[asdict(check) for check in of] for of in kept.measured.checks],
        }
    }
    write_text(path, json.dumps(table))


def read_kept(path: Path, size: EvaluationSize, embedder: str) -> Kept | None:
    """Read them; None where there are none, or of another size or embedder."""
    if not path.exists():
        return None
    table = json.loads(path.read_text(encoding="utf-8"))
    if table["size"] != asdict(size) or table["embedder"] != embedder:
        return None
    measured = Measured(
        tuple(Scores(**scores) for scores in table["measured"]["runs"]),
        tuple(tuple(Check(**check) for check in of) for of in table["measured"]["checks"]),
    )
    return Kept(size, embedder, Conditions(**table["conditions"]), measured)


def pooled(name: str, steps: int, kept: Sequence[Kept]) -> Row:
    """One row over all runs of several models of a kind."""
    runs = [scores for one in kept for scores in one.measured.runs]
    return row_of(name, steps, runs, [of for one in kept for of in one.measured.checks])


def row_as_table(row: Row) -> dict[str, Any]:
    """A row without its single checks, for a file that people read."""
    table = asdict(row)
    del table["checks"]
    return table


def row_of_table(table: dict[str, Any]) -> Row:
    """Undo `row_as_table`, the checks aside."""
    return Row(
        table["name"],
        table["steps"],
        Scores(**table["scores"]),
        Scores(**table["spread"]),
        table["repeats"],
        tuple(Share(**share) for share in table["shares"]),
        (),
    )
