"""Rows of the paper's table on disk, so that no model is measured twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.evaluation.measures.prompt_checks import Check, Share
from engine.evaluation.runs.evaluate import Conditions, EvaluationSize, Measurement
from engine.evaluation.runs.scoring import Row, Scores, summarize_runs
from engine.files.atomic import write_text


@dataclass(frozen=True, slots=True)
class StoredMeasurement:
    """Scores of one model at a number of steps, with embedder and conditions."""

    size: EvaluationSize
    embedder: str
    conditions: Conditions
    measured: Measurement


def write_measurement(path: Path, stored: StoredMeasurement) -> None:
    """Write a measurement atomically."""
    table = asdict(stored) | {
        "measured": {
            "runs": [asdict(scores) for scores in stored.measured.runs],
            "checks": [[asdict(check) for check in of] for of in stored.measured.checks],
        }
    }
    write_text(path, json.dumps(table))


def read_measurement(path: Path, size: EvaluationSize, embedder: str) -> StoredMeasurement | None:
    """Read a measurement; None if missing, or of another size or embedder."""
    if not path.exists():
        return None
    table = json.loads(path.read_text(encoding="utf-8"))
    if table["size"] != asdict(size) or table["embedder"] != embedder:
        return None
    measured = Measurement(
        tuple(Scores(**scores) for scores in table["measured"]["runs"]),
        tuple(tuple(Check(**check) for check in of) for of in table["measured"]["checks"]),
    )
    return StoredMeasurement(size, embedder, Conditions(**table["conditions"]), measured)


def pool_runs(name: str, steps: int, stored: Sequence[StoredMeasurement]) -> Row:
    """One row over all runs of several models of a kind."""
    runs = [scores for one in stored for scores in one.measured.runs]
    return summarize_runs(name, steps, runs, [of for one in stored for of in one.measured.checks])


def row_to_table(row: Row) -> dict[str, Any]:
    """A row without its single checks, for a file that people read."""
    table = asdict(row)
    del table["checks"]
    return table


def row_from_table(table: dict[str, Any]) -> Row:
    """Read what `row_to_table` returned; the single checks are lost."""
    return Row(
        table["name"],
        table["steps"],
        Scores(**table["scores"]),
        Scores(**table["spread"]),
        table["repeats"],
        tuple(Share(**share) for share in table["shares"]),
        (),
    )
